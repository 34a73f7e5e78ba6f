//! The numbers of a business: PAN, GSTIN, IFSC and bank account.
//!
//! Guards against numbers that were mistyped (form, state, check character), against those of somebody who is
//! no business (embassies, deductors), and against their way into logs: none of these types prints itself.
//! Libraries for GSTINs refuse what the portal gives out (Ladakh's 38, 97, 99, a check character `0`), so the
//! rules are here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use validator::{Validate, ValidationErrors};

use crate::platform::http::extract::here;

/// How many characters at the end are shown of a number that is masked.
const SHOWN: usize = 4;
/// What stands for the others.
const MASK: char = 'X';

/// What is wrong with a number: a code, and words that follow its field's name.
type Fault = (&'static str, &'static str);

/// A number that is kept as it should have been written: capitals, no blanks.
macro_rules! number_type {
    ($(#[$about:meta])* $name:ident, $check:ident, $least:literal..=$most:literal, $pattern:expr) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The number itself: for those who may see it, never for a log.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// `XXXXXX1234`.
            #[must_use]
            pub fn masked(&self) -> String {
                masked(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([hidden])"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d).map(|text| Self(normalised(&text)))
            }
        }

        impl Validate for $name {
            fn validate(&self) -> Result<(), ValidationErrors> {
                $check(&self.0).map_err(|(code, words)| here(code, words))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
                text.pattern(Some($pattern)).min_length(Some($least)).max_length(Some($most)).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

/// The form of a PAN: with a kind of holder (`HOLDERS`), and a number above 0.
macro_rules! pan {
    () => {
        "[A-Z]{3}[ABCEFGHJKLPT][A-Z]([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)[A-Z]"
    };
}

number_type!(
    /// The Permanent Account Number of the income tax department.
    Pan, check_pan, 10..=10, concat!("^", pan!(), "$")
);
number_type!(
    /// The registration for the goods and services tax; characters 3 to 12 are its holder's PAN.
    Gstin, check_gstin, 15..=15,
    concat!("^(0[1-9]|[12][0-9]|3[0-8]|97|99)", pan!(), "[1-9A-Z]Z[0-9A-Z]$")
);
number_type!(
    /// The branch of a bank.
    Ifsc, check_ifsc, 11..=11, "^[A-Z]{4}0[A-Z0-9]{6}$"
);
number_type!(
    /// An account at a bank.
    AccountNumber, check_account, 9..=18, "^0*[1-9][0-9]*$"
);

impl Gstin {
    /// The PAN inside.
    #[must_use]
    pub fn pan(&self) -> &str {
        self.0.get(2..12).unwrap_or_default()
    }
}

fn normalised(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect()
}

fn masked(text: &str) -> String {
    let length = text.chars().count();
    // A text that is hardly longer than what is shown would be shown whole.
    let shown = if length > 2 * SHOWN { SHOWN } else { 0 };
    text.chars().enumerate().map(|(at, c)| if at + shown < length { MASK } else { c }).collect()
}

/// Whether the text has this form: `A` a letter, `9` a digit, `#` either, anything else itself.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(c, wanted): (char, char)| match wanted {
        'A' => c.is_ascii_uppercase(),
        '9' => c.is_ascii_digit(),
        '#' => c.is_ascii_uppercase() || c.is_ascii_digit(),
        other => c == other,
    };
    text.chars().count() == form.chars().count() && text.chars().zip(form.chars()).all(fits)
}

fn at(text: &str, index: usize) -> char {
    text.chars().nth(index).unwrap_or_default()
}

/// The fourth letter says what its holder is: a company, a person, a firm, a trust …
const HOLDERS: &str = "ABCEFGHJKLPT";

fn check_pan(text: &str) -> Result<(), Fault> {
    if !has_form(text, "AAAAA9999A") || text.get(5..9) == Some("0000") {
        return Err(("pan", "must be a PAN: five letters, four digits and a letter"));
    }
    if !HOLDERS.contains(at(text, 3)) {
        return Err(("pan", "must be a PAN: its fourth letter is that of no kind of holder"));
    }
    Ok(())
}

fn check_gstin(text: &str) -> Result<(), Fault> {
    if has_form(text, "9999AAA99999UN#") {
        return Err(("gstin", "is a UIN, which embassies and bodies of the UN have, and no business"));
    }
    if has_form(text, "9999AAA99999OS#") {
        return Err(("gstin", "is that of an online service from abroad, which sends no parcels here"));
    }
    if text.len() == 15 && matches!(at(text, 13), 'C' | 'D') && at(text, 0).is_ascii_digit() {
        let words = "is that of a deductor or collector of tax (TDS, TCS): the regular one has a Z before \
                     its last character";
        return Err(("gstin", words));
    }
    if !has_form(text, "99AAAAA9999A#Z#") || at(text, 12) == '0' {
        return Err(("gstin", "must be a GSTIN: 15 characters, such as 27AAPFU0939F1ZV"));
    }
    if !matches!(text.get(..2).and_then(|state| state.parse::<u8>().ok()), Some(1..=38 | 97 | 99)) {
        return Err(("gstin", "must begin with the code of a state: 01 to 38, 97 or 99"));
    }
    check_pan(text.get(2..12).unwrap_or_default())
        .map_err(|_| ("gstin", "must have a PAN as its characters 3 to 12"))?;
    if check_character(text.get(..14).unwrap_or_default()) != Some(at(text, 14)) {
        return Err(("check", "is mistyped: its last character does not fit the others"));
    }
    Ok(())
}

/// The character that follows these: each counts once or twice, in turn, as digits of base 36.
fn check_character(text: &str) -> Option<char> {
    let sum = text.chars().zip([1_u32, 2].into_iter().cycle()).try_fold(0, |sum, (c, factor)| {
        let product = c.to_digit(36)? * factor;
        Some(sum + product / 36 + product % 36)
    })?;
    char::from_digit((36 - sum % 36) % 36, 36).map(|c| c.to_ascii_uppercase())
}

fn check_ifsc(text: &str) -> Result<(), Fault> {
    if has_form(text, "AAAA0######") {
        return Ok(());
    }
    Err(("ifsc", "must be an IFSC: four letters, a zero, and six letters or digits"))
}

fn check_account(text: &str) -> Result<(), Fault> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits && (9..=18).contains(&text.len()) && text.bytes().any(|b| b != b'0') {
        return Ok(());
    }
    Err(("account", "must have 9 to 18 digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: for<'d> Deserialize<'d> + Validate>(text: &str) -> Option<String> {
        let number: T = serde_json::from_value(text.into()).unwrap();
        let errors = number.validate().err()?;
        errors.field_errors().get("__all__").map(|e| e[0].code.to_string())
    }

    fn words(text: &str) -> &'static str {
        check_gstin(text).unwrap_err().1
    }

    /// A registration of this state with this PAN, and its right last character.
    fn gstin(state: &str, pan: &str, entity: char) -> String {
        let body = format!("{state}{pan}{entity}Z");
        format!("{body}{}", check_character(&body).unwrap())
    }

    #[test]
    fn numbers_are_kept_in_capitals_and_without_blanks() {
        let pan: Pan = serde_json::from_value(" aapfu 0939 f\n".into()).unwrap();
        assert_eq!(pan.expose(), "AAPFU0939F");
        assert_eq!(code::<Gstin>(" 27aapfu0939f1zv "), None);
        assert_eq!(code::<AccountNumber>("1234 5678 9012"), None);
    }

    #[test]
    fn a_pan_has_its_form_and_a_kind_of_holder() {
        for good in ["AAPFU0939F", "ABCPE1234F", "AAACR5055K", "AAAEL0001A", "AAAKL9999Z"] {
            assert_eq!(code::<Pan>(good), None, "{good}");
        }
        for bad in [
            "",
            "AAPFU0939",
            "AAPFU0939FF",
            "AAPFU09390",
            "1APFU0939F",
            "AAPXU0939F",
            "AAPFU0000F",
            "ÄAPFU0939F",
        ] {
            assert_eq!(code::<Pan>(bad).as_deref(), Some("pan"), "{bad}");
        }
    }

    /// The first is in everybody's examples; the others are on the bills of large companies.
    #[test]
    fn a_gstin_has_a_state_a_pan_and_its_check_character() {
        for good in ["27AAPFU0939F1ZV", "29AAGCB7383J1Z4", "27AAACR5055K1Z7"] {
            assert_eq!(code::<Gstin>(good), None, "{good}");
        }
        for at in 0..14 {
            // A digit or letter that is another one, of the same kind.
            let mut other: Vec<u8> = b"27AAPFU0939F1ZV".to_vec();
            other[at] = match other[at] {
                b'9' => b'8',
                b'Z' => b'Y',
                c => c + 1,
            };
            let other = String::from_utf8(other).unwrap();
            assert!(code::<Gstin>(&other).is_some(), "{other}");
        }
        assert_eq!(code::<Gstin>("27AAPFU0939F1ZW").as_deref(), Some("check"));
        assert_eq!(code::<Gstin>("27AAPFU9039F1ZV").as_deref(), Some("check"), "two were exchanged");
    }

    /// What libraries refuse and the portal gives out.
    #[test]
    fn all_states_and_every_check_character_are_taken() {
        for state in (1..=38).chain([97, 99]) {
            let text = gstin(&format!("{state:02}"), "AAPFU0939F", '1');
            assert_eq!(code::<Gstin>(&text), None, "{text}");
        }
        for state in ["00", "39", "50", "96", "98"] {
            let text = gstin(state, "AAPFU0939F", '1');
            assert!(words(&text).contains("code of a state"), "{text}");
        }
        let ending = |wanted: char| {
            let all = ('A'..='Z').map(|last| gstin("27", &format!("AAPFU0939{last}"), '1'));
            all.chain((1..=9).map(|n| gstin("27", &format!("AAPFU093{n}F"), 'Z')))
                .find(|text| text.ends_with(wanted))
        };
        assert_eq!(code::<Gstin>(&ending('0').expect("one of them ends so")), None);
        assert_eq!(code::<Gstin>(&gstin("38", "AAPFU0939F", 'Z')), None);
    }

    #[test]
    fn who_is_no_business_is_told_so() {
        assert!(words("0717UNO00211UN2").contains("UIN"));
        assert!(words("9917USA29018OS2").contains("abroad"));
        assert!(words("27AAPFU0939F1DV").contains("TDS"));
        assert!(words("27AAPFU0939F1CV").contains("TCS"));
        for bad in ["", "27AAPFU0939F1Z", "27AAPFU0939F0ZV", "27AAPFU0939F1YV", "2७AAPFU0939F1ZV"] {
            assert!(words(bad).contains("must be a GSTIN"), "{bad}");
        }
        assert!(words("27AAPXU0939F1ZV").contains("a PAN as"));
    }

    #[test]
    fn branches_and_accounts_have_their_form() {
        for (text, good) in [
            ("HDFC0000001", true),
            ("sbin0011513", true),
            ("HDFC1000001", false),
            ("HDF00000001", false),
            ("HDFC000001", false),
        ] {
            assert_eq!(code::<Ifsc>(text).is_none(), good, "{text}");
        }
        for (text, good) in [
            ("123456789", true),
            ("000000000000000001", true),
            ("12345678", false),
            ("1234567890123456789", false),
            ("12345678A", false),
            ("१२३४५६७८९", false),
            ("000000000", false),
        ] {
            assert_eq!(code::<AccountNumber>(text).is_none(), good, "{text}");
        }
    }

    #[test]
    fn of_a_number_the_end_is_shown_and_nothing_in_logs() {
        let account: AccountNumber = serde_json::from_value("50100123451234".into()).unwrap();
        assert_eq!(account.masked(), "XXXXXXXXXX1234");
        assert_eq!(format!("{account:?}"), "AccountNumber([hidden])");
        let pan: Pan = serde_json::from_value("AAPFU0939F".into()).unwrap();
        assert_eq!((pan.masked().as_str(), masked("1234")), ("XXXXXX939F", "XXXX".to_owned()));
        let gstin: Gstin = serde_json::from_value("27AAPFU0939F1ZV".into()).unwrap();
        assert_eq!((gstin.masked().as_str(), gstin.pan()), ("XXXXXXXXXXXF1ZV", "AAPFU0939F"));
    }
}

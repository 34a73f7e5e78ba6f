//! The words of mails and texts. Guards against mails that carry words of strangers: nothing that a person
//! typed into the API gets into one, only links and codes that were made here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long the code of a phone counts, and how long all else is tried.
pub const CODE: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// Confirms an address that has signed up.
    Verify,
    /// Tells an address that has an account that somebody wanted to sign it up.
    Known,
    /// Sets a new password.
    Reset,
    /// Lets a person in to a shop.
    Invite,
    /// Tells of a new password.
    Changed,
    /// Tells what a member has not read, with numbers.
    Digest,
    /// Tells that live orders are taken from now on.
    KycApproved,
    /// Tells that the desk wants something mended.
    KycRejected,
    /// Confirms a phone number.
    PhoneCode,
    /// Tells a phone what its owner has not read, in numbers.
    TextDigest,
}

/// By which way something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Mail,
    /// SMS or WhatsApp, as the gateway has it.
    Text,
}

/// The languages that there are texts in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
}

/// A mail's subject and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub subject: String,
    pub text: String,
}

impl Template {
    pub const ALL: [Self; 10] = [
        Self::Verify,
        Self::Known,
        Self::Reset,
        Self::Invite,
        Self::Changed,
        Self::Digest,
        Self::KycApproved,
        Self::KycRejected,
        Self::PhoneCode,
        Self::TextDigest,
    ];

    #[must_use]
    pub fn way(self) -> Way {
        match self {
            Self::PhoneCode | Self::TextDigest => Way::Text,
            _ => Way::Mail,
        }
    }

    /// What a gateway may choose its own words by.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Digest | Self::TextDigest => "digest",
            Self::KycApproved | Self::KycRejected => "kyc",
            _ => "code",
        }
    }

    /// How long it is tried. A code that has ended by then is of no use.
    #[must_use]
    pub fn life(self) -> Duration {
        if self == Self::PhoneCode { CODE } else { DAY }
    }

    /// The path of the page that a link of this mail opens.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Verify => "/auth/verify",
            Self::Reset => "/auth/reset",
            Self::Invite => "/auth/accept",
            _ => "/",
        }
    }

    /// Another language is a folder of files, and a row for each here.
    fn source(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::Verify) => include_str!("templates/en/verify.txt"),
            (Language::En, Self::Known) => include_str!("templates/en/known.txt"),
            (Language::En, Self::Reset) => include_str!("templates/en/reset.txt"),
            (Language::En, Self::Invite) => include_str!("templates/en/invite.txt"),
            (Language::En, Self::Changed) => include_str!("templates/en/changed.txt"),
            (Language::En, Self::Digest) => include_str!("templates/en/digest.txt"),
            (Language::En, Self::KycApproved) => include_str!("templates/en/kyc-approved.txt"),
            (Language::En, Self::KycRejected) => include_str!("templates/en/kyc-rejected.txt"),
            (Language::En, Self::PhoneCode) => include_str!("templates/en/phone-code.txt"),
            (Language::En, Self::TextDigest) => include_str!("templates/en/text-digest.txt"),
        }
    }

    /// The words, with the code and where it leads. The code is behind a `#`: browsers send that to nobody,
    /// so it gets into no log. `lines` are what a digest lists.
    #[must_use]
    pub fn words(self, language: Language, public_url: &str, token: Option<&str>, lines: &[String]) -> Words {
        let (subject, text) = self.source(language).split_once('\n').unwrap_or_default();
        let token = token.unwrap_or_default();
        let link = format!("{public_url}{}#token={token}", self.path());
        let list = match self.way() {
            Way::Mail => lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
            Way::Text => lines.join("; "),
        };
        let text = text.replace("{link}", &link).replace("{token}", token).replace("{list}", &list);
        Words { subject: subject.to_owned(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_a_subject_and_no_gap_is_left() {
        for template in Template::ALL {
            let words = template.words(
                Language::En,
                "https://shop.example",
                Some("t0k3n"),
                &["1 thing".to_owned(), "2 things".to_owned()],
            );
            assert!(!words.subject.is_empty() && !words.subject.contains('{'), "{template:?}");
            assert!(!words.text.contains(['{', '}']), "{template:?}");
            let coded = matches!(template, Template::Verify | Template::Reset | Template::Invite);
            let link = format!("https://shop.example{}#token=t0k3n\n", template.path());
            assert_eq!(words.text.contains(&link), coded, "{template:?}");
            let lists = words.text.contains("\n- 1 thing\n- 2 things\n");
            assert_eq!(lists, template == Template::Digest, "{template:?}");
            if template.way() == Way::Text {
                // One text of the shortest kind, with a code or two things.
                assert!(words.text.trim().len() <= 160 && !words.text.trim().contains('\n'), "{template:?}");
            }
            assert_eq!(words.text.contains(": 1 thing; 2 things."), template == Template::TextDigest);
            assert_eq!(words.text.contains("t0k3n"), coded || template == Template::PhoneCode);
        }
    }
}

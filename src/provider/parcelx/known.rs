//! Whether a refusal of a create says that our reference is known already.
//!
//! The reference is unique and ours alone: that is evidence for a booking, never against one. Providers say
//! it in many words, and in the same words that a slot is taken, a limit used up or a name not unique: so
//! what counts is what they say it of.

/// Beginnings of words for what our reference names. The invoice's number goes with it.
const OURS: [&str; 12] = [
    "order",
    "client",
    "reference",
    "shipment",
    "awb",
    "waybill",
    "consignment",
    "parcel",
    "booking",
    "tracking",
    "invoice",
    "docket",
];
/// The same as whole words.
const OURS_ALONE: [&str; 2] = ["ref", "request"];
/// An order that is meant by these is not this one.
const ELSEWHERE: [&str; 5] = ["another", "other", "different", "next", "previous"];
/// What else a refusal may be about. Behind one of ours these are of the order ("order weight"), and before
/// one they say whose it is ("customer order").
const OTHERS: &str = "\
    account address amount box buyer capacity carrier category character city cod company consignee \
    contact coupon courier credit customer date day delivery dimension email gst height hsn hub item \
    length limit line location merchant mobile mode name partner payment phone pin pincode point price \
    product quantity quota receiver route seller service sku slot state status time type user volume \
    wallet warehouse weight zone";
/// Where another statement begins.
const JOINTS: [&str; 6] = ["and", "but", "because", "since", "so", "hence"];
/// Without any of these before it, a word such as "placed" is no fact: "can be placed", "to be used".
const FACTS_FOLLOW: [&str; 7] = ["is", "was", "been", "are", "were", "got", "already"];
/// Words that end what names an order: "order id".
const NUMBERS: [&str; 6] = ["id", "ids", "number", "no", "code", "ref"];
const DENIALS: [&str; 11] =
    ["not", "no", "never", "cannot", "t", "if", "whether", "without", "none", "unable", "failed"];
/// So many words before a word may deny it.
const DENIED_WITHIN: usize = 3;
/// So many words behind a word may stand what it is about.
const REACH: usize = 5;
/// What is used up, and not known.
const LIMITS: [&str; 6] = ["limit", "limits", "slot", "slots", "quota", "capacity"];
/// What happens to a reference that is known.
const AGAIN: [&str; 3] = ["again", "twice", "received"];
/// Where a statement ends, beside a full stop.
const ENDS: [char; 10] = [':', ';', ',', '(', ')', '!', '?', '|', '\n', '\t'];
/// A provider that means harm must not keep us busy.
const MOST_WORDS: usize = 500;
const MOST_STATEMENTS: usize = 100;
/// Words that say nothing of what a statement is about.
const FILLERS: &str = "\
    a an the it this that these is was are were be been has have had must should shall can could will to \
    in our your system database with for field value of by on contain constraint key entry record \
    violation error failed again before earlier twice id ids number no not non data details processed \
    manifested submitted";

/// What a word is a name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noun {
    Ours,
    Other,
}

/// How a word says that something is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// As an adjective, and without anything else it is about our reference.
    Duplicate,
    /// Of what comes right behind it, or else before: "non-unique order id", "order id is not unique".
    Adjective,
    /// Of what its statement begins with: "order id already exists".
    Verb,
    /// Of what comes right behind it: "same order id received twice".
    Same,
}

/// One statement of a refusal.
struct Statement<'a> {
    words: &'a [&'a str],
    /// The names in it, with their places: of several in a row the last one says what it is.
    names: Vec<(usize, Noun)>,
    /// The places of those of ours, also where more follows.
    ours: Vec<usize>,
    /// It says nothing of what it is about.
    bare: bool,
    /// It is about what is used up.
    limited: bool,
}

/// Whether a refusal's words, in small letters, say that our reference is known already.
#[must_use]
pub(super) fn is_known(words: &str) -> bool {
    let parts = words.split(ENDS).flat_map(|part| part.split(". "));
    let words: Vec<Vec<_>> = parts.map(|part| words_of(part).take(MOST_WORDS).collect()).collect();
    let parts = words.iter().flat_map(|words| words.split(|word| JOINTS.contains(word)));
    let parts = parts.filter(|words| !words.is_empty()).take(MOST_STATEMENTS);
    let statements: Vec<_> = parts.map(Statement::new).collect();
    statements.iter().enumerate().any(|(nth, statement)| {
        (0..statement.words.len()).any(|at| match statement.mark(at) {
            None => false,
            Some(mark) => match statement.about(at, mark) {
                Some(Noun::Ours) => true,
                Some(Noun::Other) => statement.is_of_ours_too(at),
                None if mark == Mark::Duplicate => true,
                None => statement.bare && subject(&statements, nth) != Some(Noun::Other),
            },
        })
    })
}

/// Whether a text of the order, in small letters, would mislead [`is_known`] where a provider quotes it. One
/// that is made of nothing but the words that it goes by cannot be told from the provider's own.
#[must_use]
pub(super) fn misleads(text: &str) -> bool {
    let says = |word: &str| is_ours(word) || mark_of(word).is_some();
    words_of(text).any(says) && !words_of(text).all(|word| says(word) || is_filler(word))
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_ours(word: &str) -> bool {
    OURS_ALONE.contains(&word) || OURS.iter().any(|ours| word.starts_with(ours))
}

fn is_other(word: &str) -> bool {
    let singular = [Some(word), word.strip_suffix('s'), word.strip_suffix("es")];
    singular.into_iter().flatten().any(|word| OTHERS.split(' ').any(|other| other == word))
}

fn is_filler(word: &str) -> bool {
    FILLERS.split(' ').any(|filler| filler == word)
}

/// The mark that a word is, in the right company.
fn mark_of(word: &str) -> Option<Mark> {
    match word {
        "already" | "exist" | "exists" | "use" | "taken" | "used" | "present" | "placed" | "generated"
        | "assigned" | "booked" | "created" | "registered" => Some(Mark::Verb),
        "same" => Some(Mark::Same),
        _ if word.starts_with("dup") => Some(Mark::Duplicate),
        _ => ["unique", "repeat", "reuse"]
            .iter()
            .any(|start| word.starts_with(start))
            .then_some(Mark::Adjective),
    }
}

/// What a statement is about that does not say it, from another one: "client order id: must be unique".
fn subject(statements: &[Statement<'_>], nth: usize) -> Option<Noun> {
    let before = statements.iter().take(nth).rev();
    let mut others = before.chain(statements.iter().skip(nth + 1));
    others.find_map(|statement| statement.names.first().map(|(_, noun)| *noun))
}

impl<'a> Statement<'a> {
    fn new(words: &'a [&'a str]) -> Self {
        let nouns: Vec<_> = (0..words.len()).map(|at| noun(words, at)).collect();
        let named = nouns.iter().enumerate().filter_map(|(at, noun)| Some((at, (*noun)?)));
        let is_last = |at: usize| nouns.get(at + 1).is_none_or(Option::is_none);
        Self {
            words,
            names: named.clone().filter(|(at, _)| is_last(*at)).collect(),
            ours: named.filter(|(_, noun)| *noun == Noun::Ours).map(|(at, _)| at).collect(),
            bare: words.iter().all(|word| mark_of(word).is_some() || is_filler(word)),
            limited: words.iter().any(|word| LIMITS.contains(word)),
        }
    }

    fn word(&self, at: Option<usize>) -> &'a str {
        at.and_then(|at| self.words.get(at)).copied().unwrap_or_default()
    }

    /// What the mark at this place is said of.
    fn about(&self, at: usize, mark: Mark) -> Option<Noun> {
        let before = self.names.iter().find(|(place, _)| *place < at).map(|(_, noun)| *noun);
        let behind = self.names.iter().find(|(place, _)| *place > at && place - at <= REACH);
        let behind = behind.map(|(_, noun)| *noun);
        if mark == Mark::Same || (mark != Mark::Verb && noun(self.words, at + 1).is_some()) {
            return behind;
        }
        before.or(behind)
    }

    /// Whether an "already" at this place that is said of something else is evidence for our order all the
    /// same: "order name already exists", "merchant has already booked this order".
    fn is_of_ours_too(&self, at: usize) -> bool {
        if self.word(Some(at)) != "already" || self.limited {
            return false;
        }
        let before = || self.ours.first().is_some_and(|place| *place < at);
        let mut rest = self.words.iter().skip(at + 1).skip_while(|word| ["been", "got"].contains(*word));
        match rest.next().copied().unwrap_or_default() {
            "exist" | "exists" | "registered" => before(),
            "booked" | "placed" | "created" | "generated" | "processed" | "manifested" | "submitted" => {
                before() || self.ours.iter().any(|place| *place > at && place - at <= REACH)
            }
            "has" | "have" => self
                .ours
                .iter()
                .any(|place| *place > at && ["this", "same"].contains(&self.word(place.checked_sub(1)))),
            _ => false,
        }
    }

    /// The mark that the word at this place is.
    fn mark(&self, at: usize) -> Option<Mark> {
        let word = self.word(Some(at));
        let mark = mark_of(word)?;
        let (before, behind) = (self.word(at.checked_sub(1)), self.word(at.checked_add(1)));
        let denied = self.words.get(at.saturating_sub(DENIED_WITHIN)..at).unwrap_or_default();
        let denied = denied.iter().any(|word| DENIALS.contains(word));
        let rest = self.words.get(at + 1..).unwrap_or_default();
        let is = match word {
            "exist" | "exists" => !denied,
            "use" => before == "in" && !denied,
            "used" if AGAIN.contains(&behind) => return Some(Mark::Adjective),
            "taken" | "used" | "present" | "generated" | "assigned" => {
                let plain = FACTS_FOLLOW.contains(&before) || is_ours(before) || NUMBERS.contains(&before);
                plain && !denied && !["is", "are"].contains(&behind)
            }
            "placed" | "booked" | "created" | "registered" => FACTS_FOLLOW.contains(&before) && !denied,
            "same" => {
                let is_number = |word: &&str| NUMBERS.contains(word) || word.starts_with("reference");
                noun(self.words, at + 1).is_some()
                    && (rest.iter().take(4).any(is_number) || rest.iter().any(|word| AGAIN.contains(word)))
            }
            _ => true,
        };
        is.then_some(mark)
    }
}

fn noun(words: &[&str], at: usize) -> Option<Noun> {
    let word = words.get(at)?;
    let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
    if is_ours(word) {
        return (!ELSEWHERE.contains(&before)).then_some(Noun::Ours);
    }
    // A unique value is one of anything; an order's value is money.
    let of_some = *word == "value" && (is_ours(before) || is_other(before));
    (of_some || is_other(word)).then_some(Noun::Other)
}

#[cfg(test)]
mod tests;

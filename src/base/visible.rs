//! Which characters a person can see.
//!
//! Guards against two texts that look the same and are not, and against a name that is there and empty:
//! marks of direction and width come along when people copy from pages and spreadsheets. And against texts of
//! others that move a terminal's cursor, or look like lines of a log.

use std::{borrow::Cow, iter::Peekable, str::Chars};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether nothing of it is seen, nor room for it: no id may hold one, since nobody could tell the two apart.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    // Below are ASCII and Latin-1 without one of them: nearly every character ends here.
    c >= '\u{ad}'
        && (is_empty(c) || is_joined(c) || c.general_category() == GeneralCategory::Format || is_selector(c))
}

/// The same in texts that people write, where some of them have a meaning: joiners, without which Indian
/// scripts and emoji are not written right, selectors of a form, and the signs of Arabic and Kaithi that
/// surround a number, which are seen.
#[must_use]
pub fn is_meaningless(c: char) -> bool {
    c >= '\u{ad}'
        && (is_empty(c) || (c.general_category() == GeneralCategory::Format && !is_joined(c) && !is_sign(c)))
}

/// Whether there is something to be seen.
#[must_use]
pub fn is_seen(c: char) -> bool {
    !c.is_whitespace() && !is_invisible(c)
}

/// `text` as a line of a terminal or a log may have it: without escape sequences and marks of direction, and
/// with a blank for each other control character.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_control(c) || is_meaningless(c)) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => skip(&mut rest),
            '\u{9b}' => skip(&mut rest),
            c if is_control(c) => out.push(' '),
            c if is_meaningless(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Behind the beginning of an escape sequence: its numbers, and the letter that ends it.
fn skip(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| ('0'..='?').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
}

/// Also what ends a line without being a control character by its category.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_joined(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Letters and signs by name that are drawn as nothing: Braille without dots, and the fillers of Hangul.
fn is_empty(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{2065}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Marks that choose a form of the character before them, or keep two apart.
fn is_selector(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Of the category of formats, and drawn all the same.
fn is_sign(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{605}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{110bd}'
            | '\u{110cd}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_known() {
        for c in
            "\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{202a}\u{202e}\u{2060}\u{2066}\u{feff}\u{fff9}".chars()
        {
            assert!(is_invisible(c) && is_meaningless(c) && !is_seen(c), "{c:?}");
        }
        for c in "\u{115f}\u{2800}\u{3164}\u{ffa0}\u{1d173}\u{e0001}\u{e0041}".chars() {
            assert!(is_invisible(c) && is_meaningless(c) && !is_seen(c), "{c:?}");
        }
    }

    #[test]
    fn what_texts_need_is_taken_there_and_is_nothing_by_itself() {
        for c in "\u{200c}\u{200d}\u{fe0f}\u{34f}\u{e0100}\u{180b}".chars() {
            assert!(is_invisible(c) && !is_meaningless(c) && !is_seen(c), "{c:?}");
        }
        for c in "\u{600}\u{6dd}\u{110bd}".chars() {
            assert!(is_invisible(c) && !is_meaningless(c), "{c:?}");
        }
    }

    #[test]
    fn what_moves_a_cursor_is_left_out() {
        for (text, shown) in [
            ("No balance", "No balance"),
            ("\u{1b}[31mNo\u{1b}[0m balance", "No balance"),
            ("\u{9b}31mNo \u{9b}2Jbalance", "No balance"),
            ("\u{1b}]0;title\u{7}No", " ]0;title No"),
            ("No\r\nERROR\tall\u{2028}is\u{85}lost\u{7f}\0", "No  ERROR all is lost  "),
            ("\u{202e}ecnalab\u{202c} No\u{200b}", "ecnalab No"),
            ("क\u{94d}\u{200d}ष é 😀", "क\u{94d}\u{200d}ष é 😀"),
            ("\u{1b}[", ""),
            ("\u{1b}", " "),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
        assert!(matches!(harmless("No balance"), Cow::Borrowed(_)));
    }

    #[test]
    fn letters_digits_signs_and_emoji_are_seen() {
        for c in "aZ0-é€₹अक्षि中ß😀م१".chars().filter(|c| !c.is_whitespace()) {
            assert!(is_seen(c) && !is_invisible(c) && !is_meaningless(c), "{c:?}");
        }
        for c in [' ', '\u{a0}', '\u{3000}', '\t'] {
            assert!(!is_seen(c) && !is_invisible(c), "{c:?}");
        }
    }
}

//! Which characters a person can see.
//!
//! Guards against two texts that look the same and are not, and against a name that is there and empty:
//! marks of direction and width come along when people copy from pages and spreadsheets.

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
    fn letters_digits_signs_and_emoji_are_seen() {
        for c in "aZ0-é€₹अक्षि中ß😀م१".chars().filter(|c| !c.is_whitespace()) {
            assert!(is_seen(c) && !is_invisible(c) && !is_meaningless(c), "{c:?}");
        }
        for c in [' ', '\u{a0}', '\u{3000}', '\t'] {
            assert!(!is_seen(c) && !is_invisible(c), "{c:?}");
        }
    }
}

//! What fingers type without a word in mind: along a row or a column of the keyboard, along the alphabet, and
//! two of these by turns.
//!
//! Guards against passwords that look like chance, and that every guesser tries: `1qaz2wsx3edc`,
//! `a1b2c3d4e5f6`.

use std::sync::LazyLock;

/// Fewer in a row are chance.
const SHORTEST: usize = 3;

/// What stands in a row, read in either direction: rows of keys, their columns and the slants the other way,
/// digits and the alphabet.
const LINES: [&str; 26] = [
    "1234567890",
    "0123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
    "3wa",
    "4esz",
    "5rdx",
    "6tfc",
    "7ygv",
    "8uhb",
    "9ijn",
    "0okm",
    "-pl,",
    "=[;.",
    "abcdefghijklmnopqrstuvwxyz",
];

static BOTH_WAYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let back = LINES.iter().map(|line| line.chars().rev().collect());
    LINES.iter().map(|line| (*line).to_owned()).chain(back).collect()
});

/// After how many of `letters`, which are small ones, such a piece may end that begins with the first.
pub(super) fn ends(letters: &[char]) -> impl Iterator<Item = usize> {
    let straight = run(letters.iter().copied());
    let one = run(letters.iter().copied().step_by(2));
    let other = run(letters.iter().copied().skip(1).step_by(2));
    // The second goes on as long as the first, or ends one before it.
    let by_turns = (2 * one).min(2 * other + 1);
    (SHORTEST..=straight).chain(2 * SHORTEST..=by_turns)
}

/// How many from the first one on follow each other on one line, or are the same.
fn run(letters: impl Iterator<Item = char>) -> usize {
    let (mut run, mut length) = (String::new(), 0);
    for letter in letters {
        run.push(letter);
        let same = run.chars().all(|other| other == letter);
        if !same && !BOTH_WAYS.iter().any(|line| line.contains(&run)) {
            break;
        }
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(text: &str) -> Option<usize> {
        let letters: Vec<char> = text.chars().collect();
        ends(&letters).max()
    }

    #[test]
    fn a_piece_follows_a_line_or_two_by_turns() {
        for (text, end) in [
            ("qwertz", Some(5)),
            ("poiuy", Some(5)),
            ("1qaz2wsx", Some(4)),
            ("xsw2", Some(4)),
            ("zse4", Some(4)),
            ("efghx", Some(4)),
            ("aaab", Some(3)),
            ("1q2w3e4r5t6y", Some(12)),
            ("a1b2c3d4e5f6", Some(12)),
            ("qawsedrf", Some(8)),
            ("a1a2a3a", Some(7)),
            ("1q2w3x", None),
            ("were", Some(3)),
            ("tree", Some(3)),
            ("bear", None),
            ("qw", None),
            ("", None),
        ] {
            assert_eq!(longest(text), end, "{text}");
        }
    }
}

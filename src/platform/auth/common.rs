//! Passwords that everybody tries first. Needs no network: a list of words is in the program.

use std::{collections::HashSet, sync::LazyLock};

use super::keyboard;

static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common-passwords.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

/// Longest word of the list.
const LONGEST: usize = 16;

/// Whether `password` is made of nothing but such words, of `own` words of the user, of what fingers type
/// along the keyboard, and of digits and signs around and between them. A digit or sign may also stand for a
/// letter of a word. Remembers each place that it has reached, so that no password takes long.
#[must_use]
pub(super) fn is_common(password: &str, own: &[&str]) -> bool {
    let own: Vec<String> = own.iter().map(|word| word.to_lowercase()).filter(|w| w.len() > 2).collect();
    let longest = own.iter().map(|word| word.chars().count()).fold(LONGEST, usize::max);
    let letters: Vec<char> = password.to_lowercase().chars().collect();
    let mut reached = vec![false; letters.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for from in 0..letters.len() {
        if !reached.get(from).copied().unwrap_or(false) {
            continue;
        }
        let mut word = String::new();
        for (n, letter) in letters.iter().skip(from).take(longest).enumerate() {
            word.push(unmasked(*letter));
            let between = n == 0 && !letter.is_alphabetic();
            let known = between || WORDS.contains(word.as_str()) || own.contains(&word);
            if let Some(end) = reached.get_mut(from + n + 1).filter(|_| known) {
                *end = true;
            }
        }
        for length in keyboard::ends(letters.get(from..).unwrap_or_default()) {
            if let Some(end) = reached.get_mut(from + length) {
                *end = true;
            }
        }
    }
    reached.last().copied().unwrap_or(false)
}

/// The letter that a digit or sign often stands for.
fn unmasked(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_list_are_common_however_they_are_dressed() {
        for password in [
            "password1234",
            "Passw0rd!2026",
            "P@$$w0rd12345",
            "qwertyuiop123",
            "123456789012",
            "iloveyou2026!",
            "Welcome@12345",
            "letmein-letmein",
            "passwordpassword",
            "MonkeyDragon77",
            "summer-2026-summer",
            "1q2w3e4r5t6y",
            "a1b2c3d4e5f6",
            "zaq12wsxcde3",
            "1qaz2wsx3edc",
            "q1w2e3r4t5y6",
            "qwertyuiop12",
            "!QAZ@WSX3edc",
            "1qazxsw23edc",
            "zse4xdr5cft6",
            "qawsedrftgyh",
            "a1s2d3f4g5h6j7",
            "zxcvbnmlkjhg",
            "6y5t4r3e2w1q!",
            "aaabbbcccddd",
            "password1q2w3e",
        ] {
            assert!(is_common(password, &[]), "{password}");
        }
        for password in [
            "correct horse battery",
            "a long sentence that is mine",
            "x7#kQ9!vLm2pRt",
            "wandering-otter-41",
            "mein-langes-wort-42",
            "were free trees",
            "we feed a dear old bear",
            "1q2w3x4r5k6y",
            "q7w1r9t3z5p2",
        ] {
            assert!(!is_common(password, &[]), "{password}");
        }
        assert!(is_common("asha.example2026", &["asha", "example"]));
        assert!(!is_common("asha.example2026", &[]));
    }

    #[test]
    fn a_long_one_is_answered_at_once() {
        assert!(is_common(&"ab".repeat(2).replace("ab", "abc").repeat(80), &[]));
        assert!(!is_common(&format!("{}é", "pass".repeat(63)), &[]));
        assert!(is_common(&"abcdefghijklmnopqrstuvwxyz".repeat(9), &[]));
        assert!(!is_common(&format!("{}é", "a1b2c3d4e5".repeat(25)), &[]));
    }
}

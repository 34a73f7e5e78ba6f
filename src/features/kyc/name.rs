//! What a sender calls a document: a label for people. Guards against names that mean a place (`../x`), that
//! cannot be seen, or that go on for ever; nothing is ever looked up by one.

use crate::base::visible;

/// Longest label, in characters.
const LONGEST: usize = 100;

/// The last part of the name, as far as it can be shown; nothing when nothing is left.
#[must_use]
pub fn label(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\', ':']).next().unwrap_or_default();
    let shown = last.chars().filter(|c| !c.is_control() && !visible::is_meaningless(*c));
    let shown: String = shown.take(LONGEST).collect();
    let shown = shown.trim_matches(|c: char| c.is_whitespace() || c == '.');
    (shown.chars().any(visible::is_seen)).then(|| shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_last_part_of_a_name_and_can_be_seen() {
        for (name, expected) in [
            ("pan.pdf", Some("pan.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\Asha\\PAN card.pdf", Some("PAN card.pdf")),
            ("a/..", None),
            ("..", None),
            ("", None),
            (" \u{200b}\t", None),
            ("pan\r\nX-Evil: 1.pdf", Some("1.pdf")),
            ("pan\u{202e}fdp.exe", Some("panfdp.exe")),
            ("पैन.pdf", Some("पैन.pdf")),
        ] {
            assert_eq!(label(name).as_deref(), expected, "{name:?}");
        }
        assert_eq!(label(&"x".repeat(300)).unwrap().len(), LONGEST);
    }
}

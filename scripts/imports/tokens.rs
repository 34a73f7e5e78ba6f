//! Splits Rust source into names, `::` and single marks.

/// A name or a mark, and its line.
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// Names, `::` and single marks. Comments, literals and lifetimes are left out.
pub fn tokens(source: &str) -> Vec<Token> {
    let c: Vec<char> = source.chars().collect();
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    let word = |ch: char| ch == '_' || ch.is_alphanumeric();
    let (mut i, mut line, mut out) = (0, 1, Vec::new());
    while i < c.len() {
        let start = i;
        match (at(i), at(i + 1)) {
            ('/', '/') => {
                while i < c.len() && at(i) != '\n' {
                    i += 1
                }
            }
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => {
                            depth += 1;
                            i += 2
                        }
                        ('*', '/') => {
                            depth -= 1;
                            i += 2
                        }
                        _ => i += 1,
                    }
                    if depth == 0 || i >= c.len() {
                        break;
                    }
                }
            }
            ('"', _) => i = string_end(&c, i, 0),
            ('r', '#') if word(at(i + 2)) => i += 2, // r#name: the name follows
            ('r', '"' | '#') => i = raw_end(&c, i + 1),
            ('b' | 'c', 'r') if matches!(at(i + 2), '"' | '#') => i = raw_end(&c, i + 2),
            ('b' | 'c', '"') => i = string_end(&c, i + 1, 0),
            ('\'', '\\') => {
                i += 3;
                while i < c.len() && at(i) != '\'' {
                    i += 1
                }
                i += 1
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            ('\'', _) => {
                i += 1;
                while word(at(i)) {
                    i += 1
                }
            }
            (ch, _) if word(ch) => {
                while word(at(i)) {
                    i += 1
                }
                out.push(Token { text: c[start..i].iter().collect(), line });
            }
            (':', ':') => {
                i += 2;
                out.push(Token { text: "::".into(), line })
            }
            (ch, _) => {
                i += 1;
                if !ch.is_whitespace() {
                    out.push(Token { text: ch.into(), line })
                }
            }
        }
        line += c[start..i.min(c.len())].iter().filter(|ch| **ch == '\n').count();
    }
    out
}

/// The position after the closing quote of a string that opens at `i` and closes with `hashes` marks; 0 means
/// that backslashes escape.
fn string_end(c: &[char], mut i: usize, hashes: usize) -> usize {
    i += 1;
    while i < c.len() {
        match c[i] {
            '\\' if hashes == 0 => i += 2,
            '"' if c[i + 1..].iter().take(hashes).filter(|ch| **ch == '#').count() == hashes => {
                return i + 1 + hashes;
            }
            _ => i += 1,
        }
    }
    i
}

fn raw_end(c: &[char], i: usize) -> usize {
    let hashes = c[i..].iter().take_while(|ch| **ch == '#').count();
    if hashes > 0 {
        return string_end(c, i + hashes, hashes);
    }
    i + 1 + c[i + 1..].iter().take_while(|ch| **ch != '"').count() + 1
}

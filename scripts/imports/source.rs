//! Paths named in a piece of Rust source, with their lines.

use crate::tokens::{Token, tokens};

pub type Segments = Vec<String>;

/// The absolute paths that a file names, and its out-of-line modules that exist only for tests.
pub struct Reading {
    pub named: Vec<(Segments, usize)>,
    pub test_modules: Vec<Segments>,
}

struct Reader {
    tokens: Vec<Token>,
    i: usize,
    /// The module of the next token; inline modules push to it.
    module: Segments,
    /// Depths at which an inline module ends.
    inline: Vec<usize>,
    depth: usize,
    uses: Vec<(Segments, String, usize)>,
    inner: Vec<(Segments, Segments, usize)>,
    test_modules: Vec<Segments>,
}

/// Reads `source`, the file of `module` (`["crate", "orders", "service"]`).
pub fn read(source: &str, module: &[String]) -> Reading {
    let mut r = Reader {
        tokens: tokens(source),
        i: 0,
        module: module.to_vec(),
        inline: vec![],
        depth: 0,
        uses: vec![],
        inner: vec![],
        test_modules: vec![],
    };
    while r.i < r.tokens.len() {
        r.step()
    }
    let bound = |path: &Segments| -> Segments {
        let mut path = path.clone();
        for _ in 0..4 {
            let Some((to, ..)) = r.uses.iter().find(|(to, name, _)| {
                *name == path[0] && *to.last().unwrap_or(name) != "*" && to[0] != path[0]
            }) else {
                break;
            };
            path = [&to[..], &path[1..]].concat();
        }
        path
    };
    let mut named = Vec::new();
    for (path, _, line) in &r.uses {
        named.push((bound(path), *line));
    }
    let globs: Vec<_> = r
        .uses
        .iter()
        .filter(|(_, name, _)| name == "*")
        .map(|(to, ..)| bound(&to[..to.len() - 1].to_vec()))
        .collect();
    for (path, module, line) in &r.inner {
        let whole = bound(path);
        if whole == *path && !matches!(path[0].as_str(), "crate" | "std" | "core" | "alloc") {
            named.extend(globs.iter().chain([module]).map(|from| ([&from[..], &path[..]].concat(), *line)));
        }
        named.push((whole, *line));
    }
    Reading { named, test_modules: r.test_modules }
}

impl Reader {
    fn is(&self, ahead: usize, text: &str) -> bool {
        self.text(ahead) == text
    }

    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.i + ahead).map_or("", |t| t.text.as_str())
    }

    fn is_name(&self, ahead: usize) -> bool {
        self.text(ahead).starts_with(|ch: char| ch == '_' || ch.is_alphabetic())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.i).map_or(0, |t| t.line)
    }

    fn step(&mut self) {
        match self.text(0) {
            "#" if ["[", "cfg", "(", "test", ")", "]"].iter().enumerate().all(|(n, t)| self.is(n + 1, t)) => {
                self.i += 7;
                self.skip_item()
            }
            "use" if !self.is(1, "<") => {
                self.i += 1;
                self.use_tree(Vec::new())
            }
            "extern" if self.is(1, "crate") => {
                let name = self.text(2).to_owned();
                self.uses.push((vec![name.clone()], name, self.line()));
                self.i += 3;
            }
            "mod" if self.is_name(1) && self.is(2, "{") => {
                self.module.push(self.text(1).to_owned());
                self.inline.push(self.depth);
                self.depth += 1;
                self.i += 3;
            }
            "{" => {
                self.depth += 1;
                self.i += 1
            }
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                if self.inline.last() == Some(&self.depth) {
                    self.inline.pop();
                    self.module.pop();
                }
                self.i += 1;
            }
            "::" if self.is_name(1) => {
                self.i += 1;
                self.inner_path()
            }
            _ if self.is_name(0) => self.inner_path(),
            _ => self.i += 1,
        }
    }

    fn inner_path(&mut self) {
        let line = self.line();
        let mut path = vec![self.text(0).to_owned()];
        self.i += 1;
        while self.is(0, "::") && self.is_name(1) {
            path.push(self.text(1).to_owned());
            self.i += 2;
        }
        if path.len() > 1 {
            let module = self.module.clone();
            self.inner.push((self.absolute(path), module, line));
        }
    }

    /// Reads one tree of a `use`, starting after `prefix::` and ending at the mark that follows the tree.
    fn use_tree(&mut self, mut prefix: Segments) {
        let line = self.line();
        loop {
            match self.text(0) {
                "::" => self.i += 1,
                "{" => {
                    self.i += 1;
                    while self.i < self.tokens.len() && !self.is(0, "}") {
                        let before = self.i;
                        if !self.is(0, ",") {
                            self.use_tree(prefix.clone());
                        }
                        // What no `use` may hold (a conflict marker) must not be read for ever.
                        self.i = self.i.max(before + 1);
                    }
                    self.i += 1;
                    return;
                }
                "as" => {
                    let name = self.text(1).to_owned();
                    self.i += 2;
                    let path = self.absolute(prefix);
                    return self.uses.push((path, name, line));
                }
                "self" if !prefix.is_empty() => self.i += 1,
                "*" => {
                    prefix.push("*".into());
                    self.i += 1
                }
                _ if self.is_name(0) => {
                    prefix.push(self.text(0).to_owned());
                    self.i += 1
                }
                _ => {
                    let Some(name) = prefix.last().cloned() else {
                        self.i += 1;
                        return;
                    };
                    let path = self.absolute(prefix);
                    return self.uses.push((path, name, line));
                }
            }
        }
    }

    /// Resolves `self::`, `super::` and the library's name in the programs.
    fn absolute(&self, path: Segments) -> Segments {
        let ups = path.iter().take_while(|s| *s == "super" || *s == "self").count();
        let supers = path[..ups].iter().filter(|s| *s == "super").count();
        let base = match (ups, path[0].as_str()) {
            (0, "waybill") => vec!["crate".to_owned()],
            (0, _) => return path,
            _ => self.module[..self.module.len().saturating_sub(supers).max(1)].to_vec(),
        };
        [&base[..], &path[ups.max(usize::from(ups == 0))..]].concat()
    }

    /// Skips the item after `#[cfg(test)]`.
    fn skip_item(&mut self) {
        while self.is(0, "#") && self.is(1, "[") {
            let mut open = 0;
            loop {
                match self.text(0) {
                    "[" => open += 1,
                    "]" => open -= 1,
                    _ => {}
                }
                self.i += 1;
                if (open == 0 && !self.is(0, "[")) || self.i >= self.tokens.len() {
                    break;
                }
            }
        }
        let (mut open, mut item) = (0_i32, false);
        while self.i < self.tokens.len() {
            match self.text(0) {
                "{" | "(" | "[" => open += 1,
                "}" | ")" | "]" if open == 0 => return,
                "}" if open == 1 => {
                    self.i += 1;
                    return;
                }
                "}" | ")" | "]" => open -= 1,
                ";" if open == 0 => {
                    if self.i >= 2 && self.tokens[self.i - 2].text == "mod" {
                        self.test_modules
                            .push([&self.module[..], &[self.tokens[self.i - 1].text.clone()]].concat());
                    }
                    self.i += 1;
                    return;
                }
                "," if open == 0 && !item => return,
                "fn" | "impl" | "mod" | "use" | "struct" | "enum" | "trait" | "const" | "static" | "type" => {
                    item = true
                }
                _ => {}
            }
            self.i += 1;
        }
    }
}

//! The rows of `imports.txt`.

#[derive(Debug)]
pub struct Row {
    pub line: usize,
    pub files: Vec<String>,
    pub excepted: Vec<String>,
    pub forbidden: Vec<Vec<String>>,
    pub allowed: Vec<Vec<String>>,
    pub because: String,
}

/// Line number and text of each row. An indented line continues the row above it.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut rows: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        match rows.last_mut().filter(|_| line.starts_with(' ')) {
            Some((_, row)) => row.push_str(line),
            None => rows.push((n + 1, line.to_owned())),
        }
    }
    rows
}

pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (n, line) in lines(text).iter().skip(1) {
        let cells: Vec<Vec<&str>> = line.split('|').map(|cell| cell.split_whitespace().collect()).collect();
        let [files, forbidden, allowed, because] = &cells[..] else {
            return Err(format!("line {n} has {} columns, not 4", cells.len()));
        };
        let paths = |cell: &[&str]| cell.iter().flat_map(|p| expand(p)).collect();
        let (excepted, files): (Vec<&str>, Vec<&str>) = files.iter().partition(|f| f.starts_with('!'));
        if files.is_empty() || forbidden.is_empty() || because.is_empty() {
            return Err(format!("line {n} lacks its files, what they may not name, or the reason"));
        }
        rows.push(Row {
            line: *n,
            files: files.into_iter().map(str::to_owned).collect(),
            excepted: excepted.into_iter().map(|f| f[1..].to_owned()).collect(),
            forbidden: paths(forbidden),
            allowed: paths(allowed),
            because: because.join(" "),
        });
    }
    if rows.is_empty() { Err("it has no rows".into()) } else { Ok(rows) }
}

/// `a::{b,c}::d` → `a::b::d`, `a::c::d`.
fn expand(path: &str) -> Vec<Vec<String>> {
    let (before, names, after) =
        match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
            Some((before, (names, after))) => (before, names, after),
            None => ("", path, ""),
        };
    names
        .split(',')
        .map(|name| format!("{before}{name}{after}").split("::").map(str::to_owned).collect())
        .collect()
}

/// Whether `pattern` (`orders`, `*/routes`) matches the file `name` (`orders/routes`).
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('/');
    pattern.split('/').all(|p| parts.next().is_some_and(|part| p == "*" || p == part))
}

impl Row {
    pub fn covers(&self, file: &str) -> bool {
        self.files.iter().any(|p| matches(p, file)) && !self.excepted.iter().any(|p| matches(p, file))
    }

    pub fn forbids(&self, path: &[String]) -> bool {
        self.forbidden.iter().any(|f| path.starts_with(f))
            && !self.allowed.iter().any(|a| path.starts_with(a))
    }
}

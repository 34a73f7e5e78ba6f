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

pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (n, line) in
        text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')).skip(1)
    {
        let cells: Vec<Vec<&str>> = line.split('|').map(|cell| cell.split_whitespace().collect()).collect();
        let [files, forbidden, allowed, because] = &cells[..] else {
            return Err(format!("line {} has {} columns, not 4", n + 1, cells.len()));
        };
        let paths = |cell: &[&str]| cell.iter().flat_map(|p| written_out(p)).collect();
        let (excepted, files): (Vec<&str>, Vec<&str>) = files.iter().partition(|f| f.starts_with('!'));
        if files.is_empty() || forbidden.is_empty() || because.is_empty() {
            return Err(format!("line {} lacks its files, what they may not name, or the reason", n + 1));
        }
        rows.push(Row {
            line: n + 1,
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
fn written_out(path: &str) -> Vec<Vec<String>> {
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

/// Whether `pattern` (`orders`, `*/routes`) means the file `name` (`orders/routes`).
pub fn means(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('/');
    pattern.split('/').all(|p| parts.next().is_some_and(|part| p == "*" || p == part))
}

impl Row {
    pub fn covers(&self, file: &str) -> bool {
        self.files.iter().any(|p| means(p, file)) && !self.excepted.iter().any(|p| means(p, file))
    }

    pub fn forbids(&self, path: &[String]) -> bool {
        self.forbidden.iter().any(|f| path.starts_with(f))
            && !self.allowed.iter().any(|a| path.starts_with(a))
    }
}

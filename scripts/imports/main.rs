//! Fails if a line of src/ or workers/ names a path that `imports.txt` forbids there.
//!
//! It reads paths, not types: `use` declarations (grouped, renamed, globs, `super`) and paths in the code,
//! each resolved through the file's own `use` lines. It cannot see re-exports: `pub use` under another name
//! hides where a type comes from, so modules that must stay inside a folder should also be private there.
//!
//! It needs only rustc (`scripts/check imports` builds and runs it). It starts with a self-test: for each
//! row, samples of what the row forbids, in every form, and of what it allows.

use std::{collections::BTreeSet, fs, io, path::Path, process::ExitCode};

mod source;
mod table;
mod tokens;

use table::Row;

/// `orders/service` → `crate::orders::service`.
fn module_of(file: &str) -> Vec<String> {
    let parts = file.split('/').filter(|p| !matches!(*p, "lib" | "main" | "workers"));
    std::iter::once("crate").chain(parts).map(str::to_owned).collect()
}

/// The forbidden paths in `file`: line, row, path and reason.
fn violations<'r>(
    rows: &'r [Row],
    file: &str,
    reading: &source::Reading,
) -> BTreeSet<(usize, usize, String, &'r str)> {
    let mut found = BTreeSet::new();
    for row in rows.iter().filter(|row| row.covers(file)) {
        for (path, line) in reading.named.iter().filter(|(path, _)| row.forbids(path)) {
            found.insert((*line, row.line, path.join("::"), row.because.as_str()));
        }
    }
    found
}

/// Checks samples of what each row forbids and of what it allows, and counts them.
fn self_test(rows: &[Row]) -> Result<usize, String> {
    let mut samples = 0;
    let mut expect = |row: &Row, file: &str, source: &str, wanted: bool| {
        samples += 1;
        let found = violations(std::slice::from_ref(row), file, &source::read(source, &module_of(file)));
        let wrong = if wanted { "not found" } else { "found wrongly" };
        if found.is_empty() == wanted {
            Err(format!("line {}: {wrong} in {file}: {source}", row.line))
        } else {
            Ok(())
        }
    };
    for row in rows {
        let sample_of = |pattern: &String| pattern.replace('*', "wallet") + "/sample";
        for forbidden in &row.forbidden {
            let mut path = forbidden.clone();
            if path == ["crate"] {
                path.push("sample".into())
            }
            for file in row.files.iter().map(sample_of) {
                forms_of(&path, &module_of(&file))
                    .iter()
                    .try_for_each(|source| expect(row, &file, source, true))?;
                harmless(&path.join("::")).iter().try_for_each(|source| expect(row, &file, source, false))?;
                row.allowed.iter().try_for_each(|allowed| {
                    expect(row, &file, &format!("use {}::Thing;", allowed.join("::")), false)
                })?;
            }
            for file in row.excepted.iter().map(sample_of) {
                expect(row, &file, &format!("use {}::Thing;", path.join("::")), false)?;
            }
        }
    }
    Ok(samples)
}

/// The ways in which code in `module` can name `path`.
fn forms_of(path: &[String], module: &[String]) -> Vec<String> {
    let whole = path.join("::");
    let mut forms = vec![
        format!("pub(crate) use {whole}::Thing;"),
        format!("use {{std::fmt, {whole}::{{One, Two as Three}}}};"),
        format!("fn f<'a>(x: &'a str) -> char {{ {whole}::thing(x); '\"' }}"),
        format!(
            "#[cfg(test)]\nmod tests {{ use super::*; fn f() {{}} }}\n#[derive({whole}::Thing)] struct S;"
        ),
        format!("#[cfg(test)] use std::{{fmt, io}}; impl {whole}::Thing for S {{}}"),
        format!("struct S {{ #[cfg(test)] a: u8, b: {whole}::Thing }}"),
    ];
    if let [parent @ .., last] = path
        && !parent.is_empty()
    {
        let parent = parent.join("::");
        forms.push(format!("use {parent} as other; fn f() {{ other::{last}::thing() }}"));
        forms.push(format!("use {parent}::*; fn f() {{ {last}::thing() }}"));
        forms.push(format!("use {parent}::{{fmt, {last}::*}};"));
    }
    if path[0] == "crate" {
        let (up, rest) = ("super::".repeat(module.len() - 1), path[1..].join("::"));
        forms.push(format!("use {up}{rest};"));
        forms.push(format!("mod inner {{ struct S; }} use {up}{rest};"));
        forms.push(format!("mod inner {{ fn f() {{ super::{up}{rest}::thing() }} }}"));
        forms.push(format!("use waybill::{rest}::Thing;"));
    } else {
        forms.push(format!("fn f() {{ ::{whole}::thing() }}"));
    }
    forms
}

/// Source that contains `whole` without using it: in comments, strings and tests.
fn harmless(whole: &str) -> [String; 3] {
    [
        format!("// use {whole}::Thing;\n/* /* */ {whole}::thing() */ const A: &str = \"{whole}::thing()\";"),
        format!("const A: &str = r#\"\" {whole}::thing()\"#; const B: &[u8] = b\"\\\" {whole}::thing()\";"),
        format!(
            "#[cfg(test)]\n#[allow(unused)]\nmod tests {{ use {whole}::Thing; \
             fn f() {{ {whole}::thing() }} }}"
        ),
    ]
}

/// Every `.rs` file below `folder`, as `orders/service`.
fn files(folder: &Path, prefix: &str, out: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = format!("{prefix}{}", path.file_stem().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            files(&path, &format!("{name}/"), out)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push((name, path.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

fn run() -> Result<String, String> {
    let rows = fs::read_to_string("scripts/imports.txt")
        .map_err(|e| e.to_string())
        .and_then(|t| table::parse(&t))
        .map_err(|e| format!("scripts/imports.txt: {e}"))?;
    let samples = self_test(&rows).map_err(|e| format!("the self-test failed, scripts/imports.txt {e}"))?;
    let mut found = Vec::new();
    files(Path::new("src"), "", &mut found)
        .and_then(|()| files(Path::new("workers"), "workers/", &mut found))
        .map_err(|e| format!("src, workers: {e}"))?;
    let mut readings = Vec::new();
    for (name, path) in &found {
        let source = fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
        readings.push((name, path, source::read(&source, &module_of(name))));
    }
    let tests: BTreeSet<_> = readings.iter().flat_map(|(.., r)| r.test_modules.clone()).collect();
    let mut faults = Vec::new();
    for (name, path, reading) in &readings {
        let module = module_of(name);
        if tests.iter().any(|t| module.starts_with(t)) {
            continue;
        }
        for (line, row, named, because) in violations(&rows, name, reading) {
            let rule = format!("line {row} of scripts/imports.txt forbids there: {because}");
            faults.push(format!("{path}:{line}: names {named}, which {rule}"));
        }
    }
    for row in &rows {
        for pattern in row.files.iter().filter(|p| !found.iter().any(|(name, _)| table::matches(p, name))) {
            faults.push(format!(
                "scripts/imports.txt:{}: no file matches {pattern}; the row has no effect",
                row.line
            ));
        }
    }
    if faults.is_empty() {
        Ok(format!("{} files follow {} rows (self-test: {samples} samples)", found.len(), rows.len()))
    } else {
        Err(faults.join("\n"))
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(faults) => {
            eprintln!("{faults}");
            ExitCode::FAILURE
        }
    }
}

//! The alert rules that are shipped. `promtool test rules tests/alerts/tests.yml` checks what they say.

use std::{collections::BTreeSet, fs, path::Path};

const RULES: &str = include_str!("../../../config/alerts.yml");

/// Every metric that the code declares, by its text in the source.
fn declared(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            declared(&path, names);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').filter(|part| part.starts_with("waybill_"));
            names.extend(quoted.map(str::to_owned));
        }
    }
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let mut names = BTreeSet::new();
    declared(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    assert!(names.contains("waybill_jobs_total"), "{names:?}");
    let words = RULES.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let used: BTreeSet<_> = words.filter(|word| word.starts_with("waybill_")).collect();
    assert!(used.len() > 5, "{used:?}");
    for metric in used {
        let plain = ["_bucket", "_count", "_sum"].iter().find_map(|end| metric.strip_suffix(end));
        assert!(names.contains(plain.unwrap_or(metric)), "no code declares {metric}");
    }
}

//! The documents of merchants.

use super::findings::Findings;
use crate::{app::App, features::kyc::KycError, platform::files::FilesError};

/// Keys of files that are named.
const NAMED: usize = 3;

/// What is kept for the KYC of merchants, and what of it belongs to none: nobody erases that by itself.
pub(super) async fn look(app: &App, found: &mut Findings) {
    let strays = match app.state.kyc.strays().await {
        Ok(strays) => strays,
        // None are kept here.
        Err(KycError::Files(FilesError::Unset)) => return,
        Err(error) => {
            let why = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            found.attention.push(format!("files.url: the files cannot be looked at: {why}"));
            return;
        }
    };
    found.add("files", format!("files      {}", strays.files), strays.files);
    found.facts.insert("strayFiles".to_owned(), strays.keys.len().into());
    if !strays.keys.is_empty() {
        found.attention.push(format!(
            "{} files belong to no KYC, and nobody erases them ({}): docs/operations.md, Backups",
            strays.keys.len(),
            named(&strays.keys)
        ));
    }
}

/// The first keys that are of our making: in another somebody's name may stand.
fn named(keys: &[String]) -> String {
    let ours: Vec<_> = keys.iter().filter(|key| is_ours(key)).map(String::as_str).collect();
    let first: Vec<_> = ours.iter().take(NAMED).copied().collect();
    let more = keys.len() - first.len();
    match (first.is_empty(), more) {
        (false, 0) => first.join(", "),
        (false, more) => format!("{} and {more} more", first.join(", ")),
        (true, _) => "of names that are not ours".to_owned(),
    }
}

fn is_ours(key: &str) -> bool {
    let (file, number) = key.split_once('#').unwrap_or((key, ""));
    let id = file.strip_prefix("kyc/fil_").or_else(|| file.strip_prefix("probe/")).unwrap_or_default();
    let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    hex && number.bytes().all(|b| b.is_ascii_digit())
}

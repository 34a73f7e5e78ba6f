//! The dashboard's pages, embedded in the program: one HTML page at `/admin/queues` and everything below it,
//! and its assets under names that carry a hash of their content.
//!
//! Guards against a browser that mixes the files of two versions during a deploy: an asset's name changes
//! with its content *and* with that of all that it imports, so a page loads one version or fails as a whole.
//!
//! The pages hold no data, so anybody may load them; what they show comes from the API behind a session.

mod files;

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::platform::http::{Kind, Problem};

/// Where the pages are.
pub const HOME: &str = "/admin/queues";
/// Before the name of an asset, here and in the page's source.
const ASSETS: &str = "/admin/assets/";
/// The one page.
const INDEX: &str = "index.html";

/// No code and no style but that of our own files, no other host, no frame around it. Pictures also of what
/// the page holds in memory (`blob:`): a merchant's document, which has no address.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: \
     blob:; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// Why the pages cannot be served: a fault of their files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagesError {
    #[error("queue-ui/{0} names {1}, which is not in admin/pages/files.rs")]
    Unknown(String, String),
    #[error("queue-ui/{0} imports itself, by way of others: its hash would depend on itself")]
    Cycle(String),
    #[error("queue-ui/{0} has a type that browsers are not told of")]
    Type(String),
}

#[derive(Debug, Clone)]
struct Asset {
    media: &'static str,
    text: Bytes,
    /// Made when it is first asked for. A browser asks once for each version, so this is worth more time than
    /// an answer of the API.
    packed: OnceLock<Bytes>,
}

impl Asset {
    fn packed(&self) -> Bytes {
        let pack = || {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(&self.text).and_then(|()| packed.finish())
        };
        self.packed.get_or_init(|| pack().map_or_else(|_| Bytes::new(), Bytes::from)).clone()
    }
}

/// The pages as they are served.
#[derive(Debug, Clone)]
struct Pages {
    index: Bytes,
    /// By their names with hashes.
    assets: BTreeMap<String, Asset>,
}

/// Routes that need no session.
///
/// # Errors
/// [`PagesError`].
pub fn router() -> Result<Router, PagesError> {
    let Pages { index, assets } = Builder::new(files::FILES).pages()?;
    let assets = Arc::new(assets);
    let page = async move || {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        (headers, index)
    };
    let asset = async move |Path(name): Path<String>, headers: HeaderMap| match assets.get(&name) {
        Some(asset) => served(asset, &headers),
        None => Problem::new(Kind::NotFound, Kind::NotFound.stock_detail()).into_response(),
    };
    let home = async || Redirect::permanent(HOME);
    Ok(Router::new()
        .route("/admin", get(home))
        .route(HOME, get(page.clone()))
        .route("/admin/queues/{*view}", get(page))
        .route("/admin/assets/{*name}", get(asset)))
}

fn served(asset: &Asset, asked: &HeaderMap) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let packed = if takes_gzip(asked) { asset.packed() } else { Bytes::new() };
    let vary = (header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_empty() {
        return (headers, [vary], asset.text.clone()).into_response();
    }
    let gzip = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    (headers, [vary, gzip], packed).into_response()
}

/// Whether the client names gzip, and not to refuse it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let all = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Gives each file its name, those first that others name.
struct Builder<'a> {
    sources: BTreeMap<&'a str, &'a str>,
    assets: BTreeMap<String, Asset>,
    /// The name with hash of each file that is done; `None` while it is being done.
    names: BTreeMap<&'a str, Option<String>>,
}

impl<'a> Builder<'a> {
    fn new(files: &[(&'a str, &'a str)]) -> Self {
        let sources = files.iter().copied().collect();
        Self { sources, assets: BTreeMap::new(), names: BTreeMap::new() }
    }

    fn pages(mut self) -> Result<Pages, PagesError> {
        let files: Vec<_> = self.sources.keys().copied().filter(|path| *path != INDEX).collect();
        for path in files {
            self.named(path)?;
        }
        let index = self.sources.get(INDEX).copied().unwrap_or_default();
        let index = self.rewritten(INDEX, index)?;
        Ok(Pages { index: index.into(), assets: self.assets })
    }

    /// The name under which a file is served.
    fn named(&mut self, path: &'a str) -> Result<String, PagesError> {
        match self.names.get(path) {
            Some(Some(name)) => return Ok(name.clone()),
            Some(None) => return Err(PagesError::Cycle(path.to_owned())),
            None => {}
        }
        self.names.insert(path, None);
        let media = media(path).ok_or_else(|| PagesError::Type(path.to_owned()))?;
        let source = self.sources.get(path).copied().unwrap_or_default();
        let text = self.rewritten(path, source)?;
        let name = with_hash(path, &text);
        self.assets.insert(name.clone(), Asset { media, text: text.into(), packed: OnceLock::new() });
        self.names.insert(path, Some(name.clone()));
        Ok(name)
    }

    /// The text of a file with the names of others replaced: a string in double quotes is one if it begins
    /// as a relative import or as the address of an asset.
    fn rewritten(&mut self, path: &str, source: &str) -> Result<String, PagesError> {
        let mut out = String::with_capacity(source.len() + 512);
        for (at, part) in source.split('"').enumerate() {
            if at > 0 {
                out.push('"');
            }
            match target(path, part) {
                Some(target) => {
                    let known = self.sources.keys().copied().find(|known| **known == *target);
                    let known = known.ok_or_else(|| PagesError::Unknown(path.to_owned(), part.to_owned()))?;
                    out.push_str(ASSETS);
                    out.push_str(&self.named(known)?);
                }
                None => out.push_str(part),
            }
        }
        Ok(out)
    }
}

/// The file that a string in `from` names, if it names one.
fn target(from: &str, text: &str) -> Option<String> {
    if let Some(path) = text.strip_prefix(ASSETS) {
        return Some(path.to_owned());
    }
    let named = from.ends_with(".js") && text.ends_with(".js");
    if !named || !(text.starts_with("./") || text.starts_with("../")) || text.contains(char::is_whitespace) {
        return None;
    }
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for step in text.split('/') {
        match step {
            "." => {}
            ".." => drop(parts.pop()),
            step => parts.push(step),
        }
    }
    Some(parts.join("/"))
}

/// `lib/ui.js` → `lib/ui.0123456789abcdef.js`.
fn with_hash(path: &str, text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    match path.rsplit_once('.') {
        Some((stem, kind)) => format!("{stem}.{hash}.{kind}"),
        None => format!("{path}.{hash}"),
    }
}

fn media(path: &str) -> Option<&'static str> {
    let (_, kind) = path.rsplit_once('.')?;
    match kind {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(files: &[(&str, &str)]) -> Result<Pages, PagesError> {
        Builder::new(files).pages()
    }

    #[test]
    fn a_changed_import_changes_the_names_of_all_that_import_it() {
        let names = |ui: &str| {
            let files = [
                (INDEX, r#"<script src="/admin/assets/app.js"></script>"#),
                ("app.js", r#"import { a } from "./lib/a.js";"#),
                ("lib/a.js", r#"import{x}from"../lib/ui.js";"#),
                ("lib/ui.js", ui),
            ];
            let pages = built(&files).unwrap();
            (
                String::from_utf8(pages.index.to_vec()).unwrap(),
                pages.assets.keys().cloned().collect::<Vec<_>>(),
            )
        };
        let (index, one) = names("1");
        let (changed, two) = names("2");
        assert_ne!(index, changed);
        assert!(one.iter().all(|name| !two.contains(name)), "{one:?} {two:?}");
        assert!(one.iter().any(|name| index.contains(&format!("\"{ASSETS}{name}\""))), "{index}");
        assert_eq!(names("1"), (index, one), "the same files have the same names");
    }

    #[test]
    fn a_missing_file_and_a_cycle_are_refused() {
        let missing = built(&[("a.js", r#"import "./b.js""#)]).unwrap_err();
        assert_eq!(missing, PagesError::Unknown("a.js".to_owned(), "./b.js".to_owned()));
        let cycle = built(&[("a.js", r#"import "./b.js""#), ("b.js", r#"import "./a.js""#)]).unwrap_err();
        assert_eq!(cycle, PagesError::Cycle("a.js".to_owned()));
        assert_eq!(built(&[("a.exe", "")]).unwrap_err(), PagesError::Type("a.exe".to_owned()));
    }

    #[test]
    fn assets_are_packed_for_those_who_take_it() {
        let asked = |value: &'static str| {
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
        };
        for (value, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("deflate,gzip ; q=0", false),
            ("gzip;q=0.000", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&asked(value)), takes, "{value}");
        }
        let text = "const a = 1;\n".repeat(200);
        let pages = built(&[("a.js", &text)]).unwrap();
        let (_, asset) = pages.assets.first_key_value().unwrap();
        let packed = served(asset, &asked("gzip"));
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(asset.packed().len() < 100);
        let mut read = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&asset.packed()[..]), &mut read)
            .unwrap();
        assert_eq!(read, text);
        let plain = served(asset, &HeaderMap::new());
        assert_eq!(plain.headers().get(header::CONTENT_ENCODING), None);
        assert_eq!(plain.headers()[header::VARY], "accept-encoding");
    }

    #[test]
    fn only_names_of_files_are_replaced() {
        let text = r#"const path = "./not a file.js", other = "x/y.js", name = "./readme.md";"#;
        let pages = built(&[("a.js", text)]).unwrap();
        let (_, asset) = pages.assets.first_key_value().unwrap();
        assert_eq!(asset.text, text);
    }
}

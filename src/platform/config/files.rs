//! Where the files of merchants are: a folder, or a bucket of an S3-compatible server.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::Config;

/// The region of servers that have none.
const REGION: &str = "us-east-1";

/// Where files are kept.
#[derive(Debug, Clone)]
pub enum FilePlace {
    Folder(PathBuf),
    Bucket(Bucket),
}

/// A bucket, and what opens it.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    /// What all keys begin with; empty, or without a slash at either end.
    pub prefix: String,
    /// The server, if it is not Amazon's.
    pub endpoint: Option<Url>,
    pub region: String,
    pub access_key: SecretString,
    pub secret_key: SecretString,
}

/// Beside the database file, unless the settings name another place. With a database server there is none by
/// itself: other machines would not see the files of this one.
pub(super) fn place(config: &Config) -> Option<FilePlace> {
    let own = &config.files;
    let url = own.url.trim();
    if let Some(path) = url.strip_prefix("file:") {
        return Some(FilePlace::Folder(path.into()));
    }
    if let Some((name, prefix)) = bucket(url) {
        let region = own.region.trim();
        return Some(FilePlace::Bucket(Bucket {
            name,
            prefix,
            endpoint: Url::parse(own.endpoint.trim()).ok(),
            region: if region.is_empty() { REGION } else { region }.to_owned(),
            access_key: own.access_key.clone(),
            secret_key: own.secret_key.clone(),
        }));
    }
    let beside = config.store.url.starts_with("sqlite:") && url.is_empty();
    beside.then(|| FilePlace::Folder(config.data_folder().join("files")))
}

/// The bucket and the prefix of `s3://BUCKET/PREFIX`, of characters that mean the same everywhere.
fn bucket(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("s3://")?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
    let fits = (3..=63).contains(&name.len()) && name.chars().all(small);
    (fits && (prefix.is_empty() || prefix.split('/').all(part))).then(|| (name.to_owned(), prefix.to_owned()))
}

pub(super) fn check(config: &Config, unless: &mut impl FnMut(bool, &str, &str)) {
    let own = &config.files;
    let url = own.url.trim();
    let in_bucket = bucket(url).is_some();
    unless(
        url.is_empty() || url.strip_prefix("file:").is_some_and(|path| !path.is_empty()) || in_bucket,
        "files.url",
        "must be file:PATH, or s3://BUCKET/PREFIX of letters, digits and . _ -, or empty",
    );
    let set = |key: &SecretString| !key.expose_secret().trim().is_empty();
    for (name, key) in [("files.access_key", &own.access_key), ("files.secret_key", &own.secret_key)] {
        unless(!in_bucket || set(key), name, "is needed for s3://");
        unless(in_bucket || !set(key), name, "is for s3:// alone: set files.url, or leave it out");
    }
    let endpoint = own.endpoint.trim();
    unless(
        endpoint.is_empty() || in_bucket,
        "files.endpoint",
        "is for s3:// alone: set files.url, or leave it out",
    );
    unless(
        endpoint.is_empty() || Url::parse(endpoint).is_ok_and(|url| is_server(&url)),
        "files.endpoint",
        "must be an address such as https://s3.example.com; plain http only on this machine",
    );
    unless(
        !config.kyc.required || place(config).is_some(),
        "kyc.required",
        "needs files.url: nobody could hand a document in",
    );
}

fn is_server(url: &Url) -> bool {
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    bare && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variables = pairs.iter().map(|(name, value)| (format!("WAYBILL_{name}"), (*value).to_owned()));
        let keys = |error: super::super::ConfigError| {
            error.0.iter().filter_map(|p| p.key.split(' ').next().map(str::to_owned)).collect()
        };
        Config::load(None, variables).map_err(keys)
    }

    const KEYS: [(&str, &str); 2] = [("FILES__ACCESS_KEY", "hunter1"), ("FILES__SECRET_KEY", "hunter2")];

    #[test]
    fn files_are_beside_the_database_unless_another_place_is_named() {
        let place = |pairs: &[(&str, &str)]| set(pairs).unwrap().file_place();
        let Some(FilePlace::Folder(folder)) = place(&[]) else { panic!() };
        assert_eq!(folder, PathBuf::from("data/files"));
        let Some(FilePlace::Folder(folder)) = place(&[("FILES__URL", "file:/srv/files")]) else { panic!() };
        assert_eq!(folder, PathBuf::from("/srv/files"));
        let secret = ("AUTH__JWT_SECRET", "of the tests, and 32 bytes or more");
        let server = [("STORE__URL", "mongodb://db/waybill?replicaSet=rs0"), secret];
        assert!(place(&server).is_none(), "each machine would have its own");
        let own = [
            ("FILES__URL", "s3://shop-files/a/b_c/"),
            ("FILES__ENDPOINT", "http://127.0.0.1:9"),
            KEYS[0],
            KEYS[1],
        ];
        let Some(FilePlace::Bucket(bucket)) = place(&own) else { panic!() };
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("shop-files", "a/b_c"));
        assert_eq!((bucket.endpoint.as_ref().unwrap().port(), bucket.region.as_str()), (Some(9), REGION));
        assert!(!format!("{bucket:?}").contains("hunter"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let refused = |pairs: &[(&str, &str)]| set(pairs).unwrap_err();
        for url in [
            "data",
            "s3://",
            "s3://ab",
            "s3://Bucket",
            "s3://shop/../x",
            "s3://shop//x",
            "gs://shop",
            "file:",
        ] {
            assert_eq!(refused(&[("FILES__URL", url)]), ["files.url"], "{url}");
        }
        let bucket = ("FILES__URL", "s3://shop");
        assert_eq!(refused(&[bucket]), ["files.access_key", "files.secret_key"]);
        assert_eq!(refused(&[bucket, KEYS[0]]), ["files.secret_key"]);
        assert_eq!(refused(&KEYS), ["files.access_key", "files.secret_key"]);
        for endpoint in
            ["http://s3.example.com", "s3.example.com", "https://u:p@s3.example.com", "https://h/x"]
        {
            let own = [bucket, KEYS[0], KEYS[1], ("FILES__ENDPOINT", endpoint)];
            assert_eq!(refused(&own), ["files.endpoint"], "{endpoint}");
        }
        assert_eq!(refused(&[("FILES__ENDPOINT", "https://s3.example.com")]), ["files.endpoint"]);
        let server = ("STORE__URL", "mongodb://db/waybill?replicaSet=rs0");
        let secret = ("AUTH__JWT_SECRET", "of the tests, and 32 bytes or more");
        assert_eq!(refused(&[server, secret, ("KYC__REQUIRED", "true")]), ["kyc.required"]);
    }
}

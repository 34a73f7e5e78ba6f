//! Files under keys that are made here: in a folder, or in a bucket of an S3-compatible server.
//!
//! Guards against keys that mean another place on some server (only plain letters, one builder), against a
//! file that takes another's place (each is written once), against an erasure that did nothing (what is
//! erased is looked for), and against servers that take a condition and ignore it, or keep what was erased
//! ([`probe`]).

mod listing;
mod probe;

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
    local::LocalFileSystem,
    path::Path,
};
pub use probe::ProbeError;
use secrecy::ExposeSecret;

use crate::platform::config::{Bucket, FilePlace};

/// For one operation with all its tries.
const WITHIN: Duration = Duration::from_secs(12);
/// For one try of it, and for its connection.
const TRY: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(3);
const RETRIES: usize = 2;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("there is no such file")]
    NotFound,
    #[error("files.url is not set: no file can be kept")]
    Unset,
    /// Nothing is known of a write.
    #[error("the place of the files does not answer: {0}")]
    Unavailable(String),
    #[error("the file is there still, after it was erased")]
    StillThere,
    /// Ours, or of the settings.
    #[error("{0}")]
    Fault(String),
}

/// Keeps files. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Files {
    place: Option<Arc<Place>>,
}

#[derive(Debug)]
enum Place {
    /// Made and opened at the first use: who only looks at a database leaves no folder behind.
    Folder {
        at: PathBuf,
        opened: OnceLock<LocalFileSystem>,
    },
    Bucket {
        store: AmazonS3,
        prefix: String,
    },
}

impl Files {
    /// Asks no server.
    ///
    /// # Errors
    /// [`FilesError::Fault`], with what to mend.
    pub fn open(place: Option<FilePlace>) -> Result<Self, FilesError> {
        let place = match place {
            None => None,
            Some(FilePlace::Folder(at)) => Some(Place::Folder { at, opened: OnceLock::new() }),
            Some(FilePlace::Bucket(bucket)) => Some(bucket_of(bucket)?),
        };
        Ok(Self { place: place.map(Arc::new) })
    }

    /// Writes a new file, durably.
    ///
    /// # Errors
    /// [`FilesError`]; also when the key is taken.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), FilesError> {
        let (place, path) = self.at(key)?;
        timed(async {
            place.store()?.put_opts(&path, bytes.into(), PutMode::Create.into()).await?;
            Ok(())
        })
        .await
    }

    /// # Errors
    /// [`FilesError`].
    pub async fn get(&self, key: &str) -> Result<Bytes, FilesError> {
        let (place, path) = self.at(key)?;
        timed(async { Ok(place.store()?.get(&path).await?.bytes().await?) }).await
    }

    /// Erases a file, and looks for it. That there was none is no error. In a folder what a write that was
    /// cut off left beside it goes, too.
    ///
    /// # Errors
    /// [`FilesError`]; then it may be there still.
    pub async fn erase(&self, key: &str) -> Result<(), FilesError> {
        let (place, path) = self.at(key)?;
        match timed(async { Ok(place.store()?.delete(&path).await?) }).await {
            Ok(()) | Err(FilesError::NotFound) => {}
            Err(error) => return Err(error),
        }
        if let Place::Folder { at, .. } = place.as_ref() {
            listing::remove_staged(at, key).await?;
        }
        match timed(async { Ok(place.store()?.head(&path).await?) }).await {
            Err(FilesError::NotFound) => Ok(()),
            Ok(_) => Err(FilesError::StillThere),
            Err(error) => Err(error),
        }
    }

    /// The keys that begin with `prefix`, as they lie there: also in letters that no key of ours has, and
    /// what a write that was cut off left (`KEY#1`).
    ///
    /// # Errors
    /// [`FilesError`]; [`FilesError::Fault`] when a server names one that cannot be read.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, FilesError> {
        let place = self.place.clone().ok_or(FilesError::Unset)?;
        match place.as_ref() {
            Place::Folder { at, .. } => listing::of_folder(at, prefix).await,
            Place::Bucket { store, prefix: own } => listing::of_bucket(store, own, prefix).await,
        }
    }

    /// Whether they are on a server, which is to be tried before it is relied on.
    #[must_use]
    pub fn on_server(&self) -> bool {
        self.place.as_ref().is_some_and(|place| matches!(place.as_ref(), Place::Bucket { .. }))
    }

    fn at(&self, key: &str) -> Result<(Arc<Place>, Path), FilesError> {
        let place = self.place.clone().ok_or(FilesError::Unset)?;
        let path = place.path(key).ok_or_else(|| FilesError::Fault("a key has letters of no key".into()))?;
        Ok((place, path))
    }
}

impl Place {
    fn store(&self) -> Result<&dyn ObjectStore, FilesError> {
        match self {
            Self::Folder { .. } => self.folder().map(|folder| -> &dyn ObjectStore { folder }),
            Self::Bucket { store, .. } => Ok(store),
        }
    }

    /// Only this user reads it.
    fn folder(&self) -> Result<&LocalFileSystem, FilesError> {
        let Self::Folder { at, opened } = self else {
            return Err(FilesError::Fault("files are in no folder".to_owned()));
        };
        if let Some(folder) = opened.get() {
            return Ok(folder);
        }
        let unusable = |why: &dyn std::fmt::Display| {
            FilesError::Unavailable(format!("the folder {} cannot be used: {why}", at.display()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(at).map_err(|error| unusable(&error))?;
        let folder = LocalFileSystem::new_with_prefix(at).map_err(|error| unusable(&error))?.with_fsync(true);
        Ok(opened.get_or_init(|| folder))
    }

    /// The one builder of keys. Other letters are written in one way and read in another by some servers.
    fn path(&self, key: &str) -> Option<Path> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        if !key.split('/').all(|part| !part.is_empty() && part.chars().all(plain)) {
            return None;
        }
        match self {
            Self::Bucket { prefix, .. } if !prefix.is_empty() => Path::parse(format!("{prefix}/{key}")).ok(),
            _ => Path::parse(key).ok(),
        }
    }
}

fn bucket_of(bucket: Bucket) -> Result<Place, FilesError> {
    let http = bucket.endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
    let options = ClientOptions::new().with_timeout(TRY).with_connect_timeout(CONNECT).with_allow_http(http);
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(1), ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: WITHIN,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket.name)
        .with_region(bucket.region)
        .with_access_key_id(bucket.access_key.expose_secret())
        .with_secret_access_key(bucket.secret_key.expose_secret())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Of one file at a time: not every server knows how to erase several in one call.
        .with_disable_bulk_delete(true)
        .with_client_options(options)
        .with_retry(retry);
    if let Some(endpoint) = bucket.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
    }
    let store = builder.build().map_err(|error| FilesError::Fault(format!("the bucket: {error}")))?;
    Ok(Place::Bucket { store, prefix: bucket.prefix })
}

async fn timed<T>(operation: impl Future<Output = Result<T, FilesError>>) -> Result<T, FilesError> {
    let late = |_| Err(FilesError::Unavailable(format!("no answer within {WITHIN:?}")));
    tokio::time::timeout(WITHIN, operation).await.unwrap_or_else(late)
}

impl From<Error> for FilesError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::NotFound,
            Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::UnknownConfigurationKey { .. } => Self::Fault(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(Some(FilePlace::Folder(folder.path().join("files")))).unwrap();
        (folder, files)
    }

    #[tokio::test]
    async fn a_file_is_written_once_read_and_gone_when_it_is_erased() {
        let (folder, files) = files();
        files.put("kyc/fil_1", Bytes::from_static(b"one")).await.unwrap();
        assert_eq!(files.get("kyc/fil_1").await.unwrap(), "one");
        assert!(files.put("kyc/fil_1", Bytes::from_static(b"two")).await.is_err());
        assert_eq!(files.get("kyc/fil_1").await.unwrap(), "one");
        files.erase("kyc/fil_1").await.unwrap();
        assert!(matches!(files.get("kyc/fil_1").await, Err(FilesError::NotFound)));
        assert!(!folder.path().join("files/kyc/fil_1").exists());
        files.erase("kyc/fil_1").await.unwrap();
        let mode = std::fs::metadata(folder.path().join("files")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(!files.on_server());
    }

    /// Erasing means that it is not there: whatever the call said.
    #[tokio::test]
    async fn what_cannot_be_erased_is_told() {
        let (folder, files) = files();
        // A folder in the file's place stays: it holds something.
        std::fs::create_dir_all(folder.path().join("files/kyc/fil_1/inside")).unwrap();
        assert!(files.erase("kyc/fil_1").await.is_err());
    }

    #[tokio::test]
    async fn no_key_leads_out_of_its_place() {
        let (_folder, files) = files();
        for key in ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a b", "A", "a.b", "a%2e", "पैन", "a\\b"]
        {
            assert!(matches!(files.get(key).await, Err(FilesError::Fault(_))), "{key}");
        }
        let nowhere = Files::open(None).unwrap();
        assert!(matches!(nowhere.get("a").await, Err(FilesError::Unset)));
    }
}

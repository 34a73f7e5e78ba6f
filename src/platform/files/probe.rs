//! Tries a server once, before it is relied on: whether what is written can be read, whether a second write
//! under the same key is refused, and whether what is erased is gone. Some servers answer yes to all of it
//! and do none; a bucket that keeps versions does all of it and erases nothing.

use bytes::Bytes;
use object_store::{Error, PutMode, client::HttpError};

use super::{Files, FilesError, timed};
use crate::base::ids;

/// What a server calls the version of a file where it keeps none any more.
const NO_VERSION: &str = "null";

/// Why the server is not to be relied on.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It may be there later.
    #[error("{0}")]
    Away(String),
    /// It will never do.
    #[error("{0}")]
    Unfit(String),
}

impl Files {
    /// Does nothing where files are in a folder.
    ///
    /// # Errors
    /// [`ProbeError`], in one line.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        if !self.on_server() {
            return Ok(());
        }
        let key = format!("probe/{}", ids::lease_token());
        let tried = self.try_all(&key).await;
        if tried.is_err() {
            // Nothing of it should be left, but that is not what is to be told.
            drop(self.erase(&key).await);
        }
        tried
    }

    async fn try_all(&self, key: &str) -> Result<(), ProbeError> {
        let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
        // Without a condition: a server that is away is told from one that knows none.
        let plain = self.write(key, &first, PutMode::Overwrite).await?;
        versioned(plain.map_err(|error| refused("write", &error))?.as_deref())?;
        self.reads(key, &first).await?;
        match self.write(key, &second, PutMode::Create).await? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(error) => return Err(condition_refused(&error)),
            Ok(_) => {
                let why = "it ignores If-None-Match: a second write took the place of the first";
                return Err(ProbeError::Unfit(why.to_owned()));
            }
        }
        self.reads(key, &first).await?;
        self.erase(key).await.map_err(|error| other("erase", &error))?;
        // As documents are written: the key is free again.
        let created = self.write(key, &second, PutMode::Create).await?;
        versioned(created.map_err(|error| condition_refused(&error))?.as_deref())?;
        self.reads(key, &second).await?;
        self.erase(key).await.map_err(|error| other("erase", &error))
    }

    async fn reads(&self, key: &str, expected: &Bytes) -> Result<(), ProbeError> {
        match self.get(key).await {
            Ok(bytes) if bytes == *expected => Ok(()),
            Ok(_) => Err(ProbeError::Unfit("it gives back other bytes than it was given".to_owned())),
            Err(error) => Err(other("read", &error)),
        }
    }

    /// Gives the version that the server made of it, if any.
    async fn write(
        &self,
        key: &str,
        bytes: &Bytes,
        mode: PutMode,
    ) -> Result<Result<Option<String>, Error>, ProbeError> {
        let (place, path) = self.at(key).map_err(|error| ProbeError::Unfit(error.to_string()))?;
        let put = async {
            let put = place.store()?.put_opts(&path, bytes.clone().into(), mode.into());
            Ok(put.await.map(|put| put.version))
        };
        timed(put).await.map_err(|error| ProbeError::Away(error.to_string()))
    }
}

/// What is erased in a bucket that keeps versions is there still, under its version.
fn versioned(version: Option<&str>) -> Result<(), ProbeError> {
    if version.is_none_or(|version| version == NO_VERSION) {
        return Ok(());
    }
    let why = "the bucket keeps versions, so what is erased would stay: suspend its versioning and remove \
               the old versions, or name a bucket without";
    Err(ProbeError::Unfit(why.to_owned()))
}

fn refused(what: &str, error: &Error) -> ProbeError {
    let line = format!("the {what} failed: {}", one_line(error));
    match error {
        Error::Generic { .. } => ProbeError::Away(line),
        _ => ProbeError::Unfit(line),
    }
}

/// The server has just done the same without a condition: an answer is about that, and will be the same
/// tomorrow. Only one that did not come says nothing.
fn condition_refused(error: &Error) -> ProbeError {
    if answered(error) {
        let line = format!("it refuses writes with If-None-Match: {}", one_line(error));
        ProbeError::Unfit(line)
    } else {
        refused("conditional write", error)
    }
}

/// Whether it is an answer of the server, and not that there was none.
fn answered(error: &Error) -> bool {
    let mut why: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = why {
        if error.is::<HttpError>() {
            return false;
        }
        why = error.source();
    }
    true
}

fn other(what: &str, error: &FilesError) -> ProbeError {
    let line = format!("the {what} failed: {}", one_line(error));
    match error {
        FilesError::Unavailable(_) => ProbeError::Away(line),
        _ => ProbeError::Unfit(line),
    }
}

/// Servers answer in pages.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let text: String = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(300).collect()
}

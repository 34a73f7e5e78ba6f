//! Tries a server once, before it is relied on: whether what is written can be read, whether a second write
//! under the same key is refused, and whether what is erased is gone. Some servers answer yes to all of it
//! and do none.

use bytes::Bytes;
use object_store::{Error, PutMode};

use super::{Files, FilesError, timed};
use crate::base::ids;

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
        self.create(key, first.clone()).await?.map_err(|error| refused("write", &error))?;
        match self.create(key, second).await? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
            Err(error) => return Err(refused("conditional write", &error)),
            Ok(()) => {
                let why = "it ignores If-None-Match: a second write took the place of the first";
                return Err(ProbeError::Unfit(why.to_owned()));
            }
        }
        match self.get(key).await {
            Ok(bytes) if bytes == first => {}
            Ok(_) => return Err(ProbeError::Unfit("it gives back other bytes than it was given".to_owned())),
            Err(error) => return Err(other("read", &error)),
        }
        self.erase(key).await.map_err(|error| other("erase", &error))
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<Result<(), Error>, ProbeError> {
        let (place, path) = self.at(key).map_err(|error| ProbeError::Unfit(error.to_string()))?;
        let put = async {
            let put = place.store()?.put_opts(&path, bytes.into(), PutMode::Create.into());
            Ok(put.await.map(|_| ()))
        };
        timed(put).await.map_err(|error| ProbeError::Away(error.to_string()))
    }
}

fn refused(what: &str, error: &Error) -> ProbeError {
    let line = format!("the {what} failed: {}", one_line(error));
    match error {
        Error::Generic { .. } => ProbeError::Away(line),
        _ => ProbeError::Unfit(line),
    }
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

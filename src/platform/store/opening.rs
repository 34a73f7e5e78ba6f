//! Opening a database: by a process that makes what is missing, or by a command on what is there.

use std::{path::Path, sync::Arc};

use super::{Adapter, REQUEST, Store, StoreError, mongo::Mongo, sqlite::Sqlite, told::Told};

/// What becomes of a database that is not there, or that nobody has marked as ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    Made,
    /// The same for what is copied into: it is marked as unfinished from its first moment.
    Target,
    Refused,
    /// The same for what is copied from there: so it may also lie where no documents should be.
    Source,
}

impl New {
    pub(super) fn is_made(self) -> bool {
        matches!(self, Self::Made | Self::Target)
    }
}

/// Whether [`Store::open`] knows what `url` names: a SQLite file, or a MongoDB server.
#[must_use]
pub fn can_open(url: &str) -> bool {
    url.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty()) || is_mongodb(url)
}

fn is_mongodb(url: &str) -> bool {
    url.starts_with("mongodb://") || url.starts_with("mongodb+srv://")
}

impl Store {
    /// Opens the database that `url` names, creating it where that is possible.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], with the path or host and what to do about it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, New::Made).await
    }

    /// Opens the database that `url` names, which must be there: a file, or one on a server that a Waybill
    /// has marked. Of any other one nothing is made.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, New::Refused).await
    }

    /// [`Store::open_existing`] for what is copied from there. Older releases took the databases that a
    /// server has for itself, too: such a one is opened so, and only so, and is [`Store::only_read`].
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_source(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, New::Source).await
    }

    /// [`Store::open`] for what is copied into. If nobody has it yet, nobody else opens it until
    /// [`Store::set_unfinished`] says that all documents are there: one that was cut off would pass for an
    /// installation without orders, and a process that starts meanwhile would take some. One that a Waybill
    /// has is opened as it is.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_target(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, New::Target).await
    }

    async fn open_or(url: &str, new: New) -> Result<Self, StoreError> {
        let (adapter, made) = if let Some(path) = url.strip_prefix("sqlite:") {
            let file = Path::new(path.strip_prefix("//").unwrap_or(path));
            let made = !file.exists();
            if made && !new.is_made() {
                return Err(StoreError::Unavailable(format!("there is no database at {}", file.display())));
            }
            let opened = match new {
                New::Target => Sqlite::open_target(path).await?,
                New::Made | New::Refused | New::Source => Sqlite::open(path).await?,
            };
            (Adapter::Sqlite(Arc::new(opened)), made)
        } else if is_mongodb(url) {
            let (mongo, made) = Mongo::open(url, REQUEST, new).await?;
            (Adapter::Mongo(mongo), made)
        } else {
            let why = "the store's URL must start with `sqlite:` or `mongodb://`";
            return Err(StoreError::Unavailable(why.to_owned()));
        };
        let pauses = matches!(adapter, Adapter::Mongo(_));
        Ok(Self { adapter, within: REQUEST, pauses, made, told: Told::default() })
    }

    /// Whether opening this handle has made the database: there was none before.
    #[must_use]
    pub fn made(&self) -> bool {
        self.made
    }

    /// Whether nothing is to be written to it: it is one of those that a server has for itself.
    #[must_use]
    pub fn only_read(&self) -> bool {
        match &self.adapter {
            Adapter::Sqlite(_) => false,
            Adapter::Mongo(mongo) => mongo.is_of_the_server(),
        }
    }
}

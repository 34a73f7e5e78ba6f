//! `waybill copy`: all documents from one database into another, empty one.
//!
//! Guards against two installations that both go on (no worker may be running), against one that begins with
//! a part of the orders (until it has all of them nobody opens it), against a database that is made for
//! nothing (the source is looked at first), against a source that changes meanwhile, and against writing to
//! one that lies where no documents should be.

use super::{collections, migrations};
use crate::{
    base::{fault, timestamp::Timestamp},
    features::Collection,
    platform::{
        outbox::LeaseDocument,
        store::{
            Document, Store, StoreError, Unreadable,
            copy::Contents,
            migrations::{Migration, pending},
        },
    },
};

/// Most documents that are named one by one.
const NAMED: usize = 10;

/// Why nothing was copied, or why the copy is not to be used.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("from: {0}")]
    From(#[source] StoreError),
    #[error("to: {0}")]
    To(#[source] StoreError),
    #[error(
        "a worker is running on the source (its leader's lease lasts until {0}): stop all workers and APIs"
    )]
    Running(Timestamp),
    #[error("the source has no documents: is its URL right?")]
    Nothing,
    #[error("the target is not empty ({0} has documents): name an empty database")]
    NotEmpty(&'static str),
    #[error("{} documents of the source do not read as their type: {}", .0, .1.join(", "))]
    Unreadable(usize, Vec<String>),
    #[error(
        "from: the database is of an older form ({}), and nothing is written where it is: copy it with the \
         release that worked on it last, and run `waybill migrate` on the copy", .0.join(", ")
    )]
    Older(Vec<String>),
    #[error("{0} is not the same in both: was the source in use? Remove the target and copy again")]
    Differs(&'static str),
}

/// One collection, as it is in both databases.
#[derive(Debug, Clone)]
pub struct Copied {
    pub name: &'static str,
    pub contents: Contents,
}

/// A database that can be copied.
#[derive(Debug)]
pub struct Source<'a> {
    store: &'a Store,
    collections: Vec<Collection>,
    /// What was in it when it was looked at.
    before: Vec<Copied>,
}

impl<'a> Source<'a> {
    /// Looks at all of it, before there is anything to copy it into.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn check(store: &'a Store, now: Timestamp) -> Result<Self, CopyError> {
        prepared(store, now).await?;
        let lease = store.get::<LeaseDocument>("outbox").await.map_err(CopyError::From)?;
        if let Some(lease) = lease.filter(|lease| lease.holder.is_some() && lease.until > now) {
            return Err(CopyError::Running(lease.until));
        }
        let mut collections: Vec<Collection> = collections().collect();
        // Without the steps that were made no process starts, not even one of an older release, which does
        // not know the mark of a copy that was cut off.
        collections.sort_by_key(|collection| collection.name == Migration::COLLECTION);
        let before = read(&collections, store).await.map_err(CopyError::From)?;
        all_readable(&before)?;
        if before.iter().all(|c| c.contents.documents == 0 || c.name == Migration::COLLECTION) {
            return Err(CopyError::Nothing);
        }
        Ok(Self { store, collections, before })
    }

    /// Copies everything, and tells of each collection when it is known to be the same in both.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn copy(&self, to: &Store, mut tell: impl FnMut(&Copied)) -> Result<(), CopyError> {
        for collection in &self.collections {
            collection.prepare(to).await.map_err(CopyError::To)?;
            if !collection.is_empty(to).await.map_err(CopyError::To)? {
                return Err(CopyError::NotEmpty(collection.name));
            }
        }
        fault::reach("copy:prepared");
        // Of a new one that was said when it was opened; another one was empty and somebody's.
        to.set_unfinished(true).await.map_err(CopyError::To)?;
        for collection in &self.collections {
            collection.copy(self.store, to).await.map_err(CopyError::To)?;
        }
        let (after, there) = (read(&self.collections, self.store).await, read(&self.collections, to).await);
        let (after, there) = (after.map_err(CopyError::From)?, there.map_err(CopyError::To)?);
        for (copied, (after, there)) in self.before.iter().zip(after.iter().zip(&there)) {
            if copied.contents != after.contents || copied.contents != there.contents {
                return Err(CopyError::Differs(copied.name));
            }
            tell(copied);
        }
        fault::reach("copy:compared");
        to.set_unfinished(false).await.map_err(CopyError::To)
    }
}

/// Both for a target that is open already.
///
/// # Errors
/// [`CopyError`].
pub async fn copy(
    from: &Store,
    to: &Store,
    now: Timestamp,
    tell: impl FnMut(&Copied),
) -> Result<(), CopyError> {
    Source::check(from, now).await?.copy(to, tell).await
}

/// Has the source in the form of this release. Where nothing may be written it must have it already, but for
/// indexes, which reading by id does not need: documents of an older form are not read whole.
async fn prepared(store: &Store, now: Timestamp) -> Result<(), CopyError> {
    if !store.only_read() {
        return migrations::prepare(store, now).await.map_err(CopyError::From);
    }
    let left = pending(store, migrations::STEPS).await.map_err(CopyError::From)?;
    if left.is_empty() {
        Ok(())
    } else {
        Err(CopyError::Older(left.iter().map(ToString::to_string).collect()))
    }
}

async fn read(collections: &[Collection], store: &Store) -> Result<Vec<Copied>, StoreError> {
    let mut all = Vec::new();
    for collection in collections {
        all.push(Copied { name: collection.name, contents: collection.contents(store).await? });
    }
    Ok(all)
}

fn all_readable(all: &[Copied]) -> Result<(), CopyError> {
    let named = |c: &Copied| {
        let name = |u: &Unreadable| format!("{} {} ({})", c.name, u.id, u.why);
        c.contents.unreadable.iter().map(name).collect::<Vec<_>>()
    };
    let mut unreadable: Vec<_> = all.iter().flat_map(named).collect();
    let count = unreadable.len();
    unreadable.truncate(NAMED);
    if count == 0 { Ok(()) } else { Err(CopyError::Unreadable(count, unreadable)) }
}

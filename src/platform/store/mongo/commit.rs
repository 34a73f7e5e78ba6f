//! Several writes in one transaction.
//!
//! Guards against a batch that is done by half, and against one that is told as failed after it was done.

use std::{sync::Arc, time::Duration};

use bson::{RawDocumentBuf, doc};
use mongodb::{
    Client, ClientSession, Database,
    error::{Error, Result as Answer, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT},
    options::{Acknowledgment, ReadConcern, WriteConcern},
};

use super::{
    Mongo,
    failure::{Failure, meaning},
    settle::Pauses,
};
use crate::{
    base::ids,
    platform::store::{
        Batch, CommitError, StoreError,
        batch::{self, next_version},
    },
};

/// How often a commit whose outcome is not known is asked for again.
const COMMITS: u32 = 8;

/// One write of a batch.
struct Write {
    collection: &'static str,
    id: String,
    /// The version that is replaced; nothing for an insert.
    replaces: Option<i64>,
    doc: RawDocumentBuf,
}

/// How one attempt ended that did not commit.
enum Undone {
    /// Another transaction was in the way, or the primary went.
    Again,
    Lost {
        at: usize,
    },
    Failed {
        at: usize,
        error: Error,
    },
    /// It may have been committed.
    Unknown(Error),
}

/// One attempt. A session that is dropped on the way aborts its transaction.
async fn attempt(client: Client, database: Database, writes: Arc<Vec<Write>>) -> Result<(), Undone> {
    let mut session = begin(&client).await.map_err(|error| failed(0, error))?;
    for (at, write) in writes.iter().enumerate() {
        match one(&database, &mut session, write).await {
            Ok(true) => {}
            Ok(false) => return abort(session, Undone::Lost { at }).await,
            Err(error) => return abort(session, failed(at, error)).await,
        }
    }
    for n in 0.. {
        match session.commit_transaction().await {
            Ok(()) => break,
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                if n >= COMMITS {
                    return Err(Undone::Unknown(error));
                }
                tokio::time::sleep(Duration::from_millis(5 << n.min(COMMITS))).await;
            }
            Err(error) => return Err(failed(0, error)),
        }
    }
    Ok(())
}

async fn begin(client: &Client) -> Answer<ClientSession> {
    let mut session = client.start_session().await?;
    session
        .start_transaction()
        .read_concern(ReadConcern::snapshot())
        .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
        .await?;
    Ok(session)
}

async fn one(database: &Database, session: &mut ClientSession, write: &Write) -> Answer<bool> {
    let collection = database.collection::<RawDocumentBuf>(write.collection);
    match write.replaces {
        None => collection.insert_one(&write.doc).session(session).await.map(|_| true),
        Some(version) => {
            let old = doc! { "_id": &write.id, "version": version };
            let replaced = collection.replace_one(old, &write.doc).session(session).await?;
            Ok(replaced.matched_count == 1)
        }
    }
}

async fn abort(mut session: ClientSession, undone: Undone) -> Result<(), Undone> {
    // Where this fails the server ends it by itself.
    drop(session.abort_transaction().await);
    Err(undone)
}

fn failed(at: usize, error: Error) -> Undone {
    if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
        Undone::Again
    } else {
        Undone::Failed { at, error }
    }
}

impl Mongo {
    pub(in crate::platform::store) async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        let mut writes = Vec::with_capacity(batch.writes.len());
        for batch::Write { replaces, doc } in &batch.writes {
            let version = if *replaces { next_version(doc.as_ref())? } else { 1 };
            writes.push(Write {
                collection: doc.collection(),
                id: doc.id().to_owned(),
                replaces: replaces.then(|| doc.version()),
                doc: doc.stored(version)?,
            });
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.commit_all(Arc::new(writes)).await
    }

    /// Until the caller's time is over.
    async fn commit_all(&self, writes: Arc<Vec<Write>>) -> Result<(), CommitError> {
        let mut pauses = Pauses::default();
        loop {
            let client = self.database.client().clone();
            let attempt = attempt(client, self.database.clone(), Arc::clone(&writes));
            let undone = match self.under_way.spawn(attempt).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(undone)) => undone,
                Err(_) => {
                    return Err(StoreError::Unavailable(format!("{}: the driver failed", self.place)).into());
                }
            };
            match undone {
                Undone::Again => pauses.next(ids::fraction()).await,
                Undone::Lost { at } => return Err(CommitError::Lost { at }),
                Undone::Failed { at, error } => {
                    return Err(match meaning(&self.place, &error) {
                        Failure::Duplicate(index) => CommitError::Conflict { at, index },
                        other => StoreError::from(other).into(),
                    });
                }
                Undone::Unknown(error) => {
                    if let Some(last) = writes.last()
                        && self.is_there(last.collection, &last.doc).await
                    {
                        return Ok(());
                    }
                    return Err(StoreError::from(meaning(&self.place, &error)).into());
                }
            }
        }
    }
}

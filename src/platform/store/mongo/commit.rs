//! Several writes in one transaction.
//!
//! Guards against a batch that is done by half, and against one that is told as failed after it was done.

use std::{sync::Arc, time::Duration};

use bson::{RawDocumentBuf, doc};
use mongodb::{
    Client, ClientSession, Database,
    error::{
        Error, ErrorKind, InsertManyError, Result as Answer, TRANSIENT_TRANSACTION_ERROR,
        UNKNOWN_TRANSACTION_COMMIT_RESULT,
    },
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
    let mut at = 0;
    for run in writes.chunk_by(Write::goes_with) {
        match some(&database, &mut session, run).await {
            Ok(true) => at += run.len(),
            Ok(false) => return abort(session, Undone::Lost { at }).await,
            Err(error) => return abort(session, failed(at + first_refused(&error), error)).await,
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

impl Write {
    /// Inserts into one collection, one after the other, are one command.
    fn goes_with(&self, next: &Self) -> bool {
        self.replaces.is_none() && next.replaces.is_none() && self.collection == next.collection
    }
}

/// One replacement, or some inserts into one collection. `false`: the version is another one.
async fn some(database: &Database, session: &mut ClientSession, run: &[Write]) -> Answer<bool> {
    let Some(first) = run.first() else { return Ok(true) };
    let collection = database.collection::<RawDocumentBuf>(first.collection);
    match first.replaces {
        None => {
            let docs = run.iter().map(|write| &write.doc);
            collection.insert_many(docs).session(session).await.map(|_| true)
        }
        Some(version) => {
            let old = doc! { "_id": &first.id, "version": version };
            let replaced = collection.replace_one(old, &first.doc).session(session).await?;
            Ok(replaced.matched_count == 1)
        }
    }
}

/// Which of several inserts was refused: they are made in order, until one is.
fn first_refused(error: &Error) -> usize {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(InsertManyError { write_errors: Some(errors), .. }) => {
            errors.first().map_or(0, |error| error.index)
        }
        _ => 0,
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

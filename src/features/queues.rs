//! What people do to queues and their jobs. Every action is in the audit log before it is done.
//!
//! A job is a hint: the order decides what it does. So a retried job of an order that has its end does
//! nothing, and a removed one comes again with its order's next dispatch.

mod clear;
mod edit;
mod effect;
mod overview;
mod search;
pub mod shown;

use std::sync::Arc;

pub(crate) use self::effect::effect;
pub use self::{
    clear::{ClearAction, clear_actions},
    edit::DataError,
    effect::JobAction,
    overview::{LookError, Overview, PausedBy, Standing},
    search::{JobFilter, MOST_SEARCHED, Place, Search},
};
use crate::{
    base::clock::Clock,
    features::audit::{Audit, AuditContext, AuditedAction, Outcome},
    platform::{
        queue::{JobState, Managed, Queue, QueueError},
        store::{Store, StoreError},
    },
    provider::carrier::Needs,
};

/// One action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Nothing of the queue is run until it is resumed.
    Pause,
    Resume,
    /// A failed job waits again.
    Retry(&'a str),
    /// A delayed job is due now.
    Promote(&'a str),
    /// A job that does not run is taken out.
    Remove(&'a str),
}

impl Action<'_> {
    /// As the audit log names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pause => "queue.pause",
            Self::Resume => "queue.resume",
            Self::Retry(_) => "job.retry",
            Self::Promote(_) => "job.promote",
            Self::Remove(_) => "job.remove",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("the queue has no job {0:?}")]
    NoSuchJob(String),
    #[error("the job is {}: this cannot be done with it", .0.as_str())]
    NotIn(JobState),
    /// Something else stands on the job.
    #[error("{0}")]
    Needed(&'static str),
    #[error("a job of this queue only names what it is for: what is sent is the order's, which is amended")]
    Ours,
    #[error("somebody has changed the job's data meanwhile: look at it again")]
    Changed,
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("the queue is paused already")]
    Paused,
    #[error("the queue is not paused")]
    NotPaused,
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The audit log could not be written; nothing was done.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the queue said of the job `id`.
fn told(managed: Managed, id: &str) -> Result<(), ActionError> {
    match managed {
        Managed::Done => Ok(()),
        Managed::Missing => Err(ActionError::NoSuchJob(id.to_owned())),
        Managed::NotIn(state) => Err(ActionError::NotIn(state)),
        Managed::Needed(why) => Err(ActionError::Needed(why)),
        Managed::Changed => Err(ActionError::Changed),
    }
}

/// How the audit log's line of an action ends. Nothing: whether it was done is not known.
fn ended(
    done: &Result<(), ActionError>,
    after: Option<String>,
) -> Option<(Outcome, Option<String>, Option<String>)> {
    match done {
        Ok(()) => Some((Outcome::Done, after, None)),
        Err(ActionError::Queue(QueueError::Unavailable(_))) => None,
        Err(error) => Some((Outcome::Refused, None, Some(error.to_string()))),
    }
}

/// Looks at queues and acts on them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queues {
    queue: Queue,
    audit: Audit,
    clock: Clock,
    /// The service's own, and what each needs of the account.
    known: Arc<[(&'static str, Needs)]>,
}

impl Queues {
    #[must_use]
    pub fn new(queue: Queue, store: Store, clock: Clock, known: Vec<(&'static str, Needs)>) -> Self {
        Self { queue, audit: Audit::new(store, clock.clone()), clock, known: known.into() }
    }

    /// Of one of the service's own queues.
    fn needs(&self, queue: &str) -> Option<Needs> {
        self.known.iter().find(|(name, _)| *name == queue).map(|(_, needs)| *needs)
    }

    /// Does it, on somebody's word.
    ///
    /// # Errors
    /// [`ActionError`]; then nothing was changed, unless it is [`ActionError::Queue`]: then that is not
    /// known.
    pub async fn act(&self, queue: &str, action: Action<'_>, by: &AuditContext) -> Result<(), ActionError> {
        let subject = match action {
            Action::Pause | Action::Resume => queue.to_owned(),
            Action::Retry(id) | Action::Promote(id) | Action::Remove(id) => format!("{queue}/{id}"),
        };
        let act = AuditedAction {
            action: action.name(),
            collection: "jobs",
            id: &subject,
            user_id: None,
            before: None,
        };
        let line = self.audit.begin(by, &act).await?;
        let done = self.act_now(queue, action).await;
        self.audit.close(&line, ended(&done, None)).await;
        done
    }

    async fn act_now(&self, queue: &str, action: Action<'_>) -> Result<(), ActionError> {
        let manage = &self.queue.manage;
        let (id, managed) = match action {
            Action::Pause => {
                return if manage.pause(queue).await? { Ok(()) } else { Err(ActionError::Paused) };
            }
            Action::Resume => {
                return if manage.resume(queue).await? { Ok(()) } else { Err(ActionError::NotPaused) };
            }
            Action::Retry(id) => (id, manage.retry(queue, id).await?),
            Action::Promote(id) => (id, manage.promote(queue, id).await?),
            Action::Remove(id) => (id, manage.remove(queue, id).await?),
        };
        told(managed, id)
    }
}

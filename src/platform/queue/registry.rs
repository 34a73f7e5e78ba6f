//! The list of handlers: which code runs a job of which queue and name.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;

use super::{
    ActiveJob,
    job::{DeathCause, Job, JobError, Outcome},
};

/// Handlers by queue and name, all with the same context.
pub struct Registry<C> {
    handlers: BTreeMap<(&'static str, &'static str), Arc<dyn Handler<C>>>,
}

impl<C> fmt::Debug for Registry<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

impl<C: Send + Sync + 'static> Default for Registry<C> {
    fn default() -> Self {
        Self { handlers: BTreeMap::new() }
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    #[must_use]
    pub fn with<J: Job>(mut self) -> Self
    where
        C: Has<J::Context>,
    {
        self.handlers.insert((J::QUEUE, J::NAME), Arc::new(Typed::<J>(std::marker::PhantomData)));
        self
    }

    /// All handlers of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.handlers.extend(other.handlers);
        self
    }

    /// Each queue that has a handler, once.
    #[must_use]
    pub fn queues(&self) -> Vec<&'static str> {
        let mut queues: Vec<_> = self.handlers.keys().map(|(queue, _)| *queue).collect();
        queues.dedup();
        queues
    }

    pub(super) fn handler(&self, job: &ActiveJob) -> Option<Arc<dyn Handler<C>>> {
        self.handlers.get(&(job.queue.as_str(), job.name.as_str())).cloned()
    }
}

/// A context that holds another: what a registry's jobs share holds what each of them needs.
pub trait Has<T> {
    fn part(&self) -> &T;
}

impl<T> Has<T> for T {
    fn part(&self) -> &T {
        self
    }
}

/// A [`Job`] whose type is forgotten.
#[async_trait]
pub(super) trait Handler<C>: Send + Sync {
    async fn run(&self, ctx: &C, job: &ActiveJob) -> Result<Outcome, JobError>;
    async fn on_dead(&self, ctx: &C, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError>;
}

struct Typed<J>(std::marker::PhantomData<fn() -> J>);

#[async_trait]
impl<J: Job, C: Has<J::Context> + Sync> Handler<C> for Typed<J> {
    async fn run(&self, ctx: &C, job: &ActiveJob) -> Result<Outcome, JobError> {
        let payload = serde_json::from_str::<J>(&job.data)
            .map_err(|e| JobError::Abort(format!("its payload does not read: {e}")))?;
        payload.run(ctx.part(), job).await
    }

    async fn on_dead(&self, ctx: &C, job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        match serde_json::from_str::<J>(&job.data) {
            Ok(payload) => payload.on_dead(ctx.part(), job, why).await,
            Err(_) => Ok(()), // it names nothing that could be moved on
        }
    }
}

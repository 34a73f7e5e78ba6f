//! What people do.

use async_trait::async_trait;

use super::{
    CALL, RedisQueue, VERSION,
    jobs::{state_named, text},
    reply::Reply,
    scripts,
};
use crate::platform::queue::{LOG_LINES, Manage, Managed, QueueError, new_job::check_data};

/// What became of an order, as the scripts tell it.
fn managed(reply: &Reply) -> Result<Managed, QueueError> {
    match reply.text().as_deref() {
        None => Ok(Managed::Missing),
        Some("done") => Ok(Managed::Done),
        Some("changed") => Ok(Managed::Changed),
        Some("scheduler") => Ok(Managed::Needed("the job is its scheduler's next run, which ends with it")),
        Some("parent") => Ok(Managed::Needed("another job waits for this one, and would wait for ever")),
        Some(state) => state_named(state).map(Managed::NotIn),
    }
}

#[async_trait]
impl Manage for RedisQueue {
    async fn pause(&self, queue: &str) -> Result<bool, QueueError> {
        let keys = [&*self.start(queue), &*self.own_key("queues")];
        let args = vec![self.now(), text(queue), text(VERSION)];
        Ok(self.calls.run(&scripts::PAUSE, &keys, args, CALL).await?.yes())
    }

    async fn resume(&self, queue: &str) -> Result<bool, QueueError> {
        Ok(self.on(queue, &scripts::RESUME, vec![self.now()]).await?.yes())
    }

    async fn retry(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        managed(&self.on(queue, &scripts::RETRY, vec![text(id)]).await?)
    }

    async fn promote(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        managed(&self.on(queue, &scripts::PROMOTE, vec![text(id)]).await?)
    }

    async fn remove(&self, queue: &str, id: &str) -> Result<Managed, QueueError> {
        managed(&self.on(queue, &scripts::REMOVE, vec![text(id)]).await?)
    }

    async fn set_data(
        &self,
        queue: &str,
        id: &str,
        data: &str,
        was: Option<&str>,
    ) -> Result<Managed, QueueError> {
        check_data(queue, data)?;
        let args = [id, data].into_iter().chain(was).map(text).collect();
        managed(&self.on(queue, &scripts::SET_DATA, args).await?)
    }

    async fn log(&self, queue: &str, id: &str, line: &str) -> Result<Managed, QueueError> {
        let args = vec![text(id), text(line), text(LOG_LINES.to_string())];
        let kept = self.on(queue, &scripts::LOG, args).await?.yes();
        Ok(if kept { Managed::Done } else { Managed::Missing })
    }
}

//! Which workers there are: ours say so themselves, those of BullMQ are known by what their connections are
//! called.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use bytes::Bytes;

use tokio::time::Instant;

use super::{
    CALL, RedisQueue, VERSION,
    jobs::{text, time},
    lock, scripts,
    wake::client_name,
};
use crate::{
    base::timestamp::Timestamp,
    platform::queue::{QueueError, WorkerView},
};

/// How often workers of other programs are looked for.
const GUESTS_EVERY: Duration = Duration::from_secs(60);

impl RedisQueue {
    pub(super) async fn announce_worker(
        &self,
        worker: &str,
        queues: &[String],
        life: Duration,
    ) -> Result<(), QueueError> {
        self.look_at_owner(CALL).await?;
        for queue in queues {
            self.waker(queue).call_worker(Some(worker));
            lock(&self.announced).entry(worker.to_owned()).or_default().insert(queue.clone());
            let until = time(self.clock.now() + life);
            let args = vec![self.now(), text(&**queue), text(VERSION), text(worker), until];
            let keys = [&*self.start(queue), &*self.own_key("queues")];
            self.calls.run(&scripts::ANNOUNCE, &keys, args, CALL).await?;
            self.warn_of_guests(queue).await;
        }
        Ok(())
    }

    /// Warns once of each worker of another program, which may do with our jobs what it thinks fit.
    async fn warn_of_guests(&self, queue: &str) {
        let due = |guests: &HashMap<String, (Instant, _)>| {
            guests.get(queue).is_none_or(|(at, _)| at.elapsed() >= GUESTS_EVERY)
        };
        if !due(&lock(&self.guests)) {
            return;
        }
        let Ok(workers) = self.workers_of(queue).await else { return };
        let mut all = lock(&self.guests);
        let (at, known) = all.entry(queue.to_owned()).or_insert_with(|| (Instant::now(), BTreeSet::new()));
        *at = Instant::now();
        for worker in workers.into_iter().filter(|worker| worker.foreign) {
            if known.insert(worker.name.clone()) {
                let name = worker.name;
                tracing::warn!(
                    queue,
                    worker = name,
                    "the BullMQ worker {name} works {queue}, too: stop it, unless it is meant to run \
                     these jobs"
                );
            }
        }
    }

    pub(super) async fn withdraw_worker(&self, worker: &str) -> Result<(), QueueError> {
        let queues = lock(&self.announced).remove(worker).unwrap_or_default();
        for queue in queues {
            self.waker(&queue).call_worker(None);
            let key = format!("{}x:workers", self.start(&queue));
            self.calls.command("HDEL", vec![text(key), text(worker)], CALL).await?;
        }
        Ok(())
    }

    pub(super) async fn workers_of(&self, queue: &str) -> Result<Vec<WorkerView>, QueueError> {
        let key = format!("{}x:workers", self.start(queue));
        let all = self.calls.command("HGETALL", vec![text(key)], CALL).await?.texts();
        let now = self.clock.now();
        let (mut views, mut own) = (Vec::new(), Vec::new());
        for pair in all.chunks_exact(2) {
            let [name, times] = pair else { continue };
            own.push(name.clone());
            let times: Vec<_> =
                times.split(' ').filter_map(|t| t.parse().ok()).map(Timestamp::from_millis).collect();
            let [since, seen_at, until] = *times else { continue };
            if until > now {
                views.push(WorkerView { name: name.clone(), since, seen_at, foreign: false });
            }
        }
        // Some providers do not let us see other clients: then there are only our own.
        if let Ok(list) = self.calls.command("CLIENT", vec![Bytes::from_static(b"LIST")], CALL).await {
            let called = client_name(&self.place.prefix, queue);
            let lines = list.text().unwrap_or_default();
            views.extend(lines.lines().filter_map(|line| foreign(line, &called, &own, now)));
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }
}

/// The worker whose connection a line of `CLIENT LIST` tells of, unless it is one of `own`.
fn foreign(line: &str, called: &str, own: &[String], now: Timestamp) -> Option<WorkerView> {
    let field = |name: &str| line.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let rest = field("name")?.strip_prefix(called)?;
    let name = match rest.strip_prefix(":w:") {
        Some(name) => name.to_owned(),
        None if rest.is_empty() => format!("without a name, at {}", field("addr")?),
        None => return None,
    };
    if own.contains(&name) {
        return None;
    }
    let ago = |name| -> Option<Timestamp> {
        let seconds: i64 = field(name)?.parse().ok()?;
        Some(Timestamp::from_millis(now.as_millis().saturating_sub(seconds.saturating_mul(1000))))
    };
    Some(WorkerView { name, since: ago("age")?, seen_at: ago("idle")?, foreign: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_of_bullmq_are_known_by_their_connections() {
        let now = Timestamp::from_millis(100_000);
        let line =
            |name: &str| format!("id=7 addr=10.0.0.1:5 laddr=a:1 fd=8 name={name} age=60 idle=3 flags=b");
        let called = client_name("bull", "orders");
        assert_eq!(called, "bull:b3JkZXJz");
        let seen = |name: &str| foreign(&line(name), &called, &["own".to_owned()], now).map(|w| w.name);
        assert_eq!(seen("bull:b3JkZXJz:w:node-1").as_deref(), Some("node-1"));
        assert_eq!(seen("bull:b3JkZXJz").as_deref(), Some("without a name, at 10.0.0.1:5"));
        for other in ["bull:b3JkZXJz:qe", "bull:b3JkZXJz:w:own", "bull:b3JkZXJzMg==", "", "shop:b3JkZXJz"] {
            assert_eq!(seen(other), None, "{other}");
        }
        let worker = foreign(&line("bull:b3JkZXJz:w:n"), &called, &[], now).unwrap();
        assert_eq!((worker.since.as_millis(), worker.seen_at.as_millis()), (40_000, 97_000));
    }
}

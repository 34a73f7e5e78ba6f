//! Looks for damage: what other programs, their older versions or a lost write may have left in a queue.

use super::{LOOK, RedisQueue, jobs::text, reply::Reply, scripts};
use crate::platform::queue::{Finding, Inspect, Presence, QueueError, new_job};

/// How many ids of each list and set are looked at: some tens of milliseconds of the server.
const LOOKED_AT: usize = 2000;
/// How many pages of keys are gone through for jobs that are in no state.
const PAGES: usize = 100;
/// How many of them are named.
const NAMED: usize = 3;

/// A count, and some examples of what was counted.
fn counted(reply: Reply) -> (i64, String) {
    let mut all = reply.list().into_iter();
    let count = all.next().and_then(|count| count.number()).unwrap_or(0);
    let named: Vec<_> = all.filter_map(|id| id.text()).map(|id| format!("{id:?}")).collect();
    (count, named.join(", "))
}

impl RedisQueue {
    pub(super) async fn examine_queue(&self, queue: &str) -> Result<Vec<Finding>, QueueError> {
        let args = vec![text(LOOKED_AT.to_string())];
        let told = self.calls.run(&scripts::EXAMINE, &[&self.start(queue)], args, LOOK).await?;
        let [version, paused, aside, events, kept, ghosts, numbers, whole] = told.parts()?;
        let mut found = Vec::new();
        let aside = aside.number().unwrap_or(0);
        if aside > 0 && !paused.yes() {
            found.push(Finding::trouble(format!(
                "{aside} jobs that a BullMQ 5 put aside are claimed by nobody: run `waybill queue pause` and \
                 `resume` once"
            )));
        }
        let version = version.text().unwrap_or_default();
        if version.starts_with("bullmq:5.") || aside > 0 {
            found.push(Finding::note(format!(
                "a BullMQ 5 shares the queue (last client: {version}): its resume may lose waiting jobs, so \
                 resume by `waybill queue resume`"
            )));
        }
        let (count, named) = counted(ghosts);
        if count > 0 {
            found.push(Finding::trouble(format!(
                "{count} ids have no job ({named}): a BullMQ worker would run them as empty jobs; stop those \
                 workers, ours let them go"
            )));
        }
        let (count, named) = counted(numbers);
        if count > 0 {
            found.push(Finding::trouble(format!(
                "{count} ids are numbers that the counter will reach ({named}): a job without an id of its \
                 own will overwrite them; use ids that are no numbers"
            )));
        }
        let (events, kept) = (events.number().unwrap_or(0), kept.number().unwrap_or(0));
        if events > kept.saturating_mul(2) {
            found.push(Finding::note(format!("{events} events are kept, where {kept} are to be")));
        }
        if !whole.yes() {
            found.push(Finding::note(format!("only {LOOKED_AT} ids of each list and set were looked at")));
        }
        found.extend(self.adrift(queue).await?);
        Ok(found)
    }

    /// Jobs that are in no list and no set, among the first some hundred thousand keys of the server.
    async fn adrift(&self, queue: &str) -> Result<Vec<Finding>, QueueError> {
        let start = self.start(queue);
        let (mut cursor, mut adrift, mut left) = ("0".to_owned(), Vec::new(), PAGES);
        loop {
            let (next, keys) = self.scan(&cursor, &format!("{queue}:*")).await?;
            let ids: Vec<_> = keys.iter().filter_map(|key| key.strip_prefix(&start)).collect();
            let ids: Vec<_> = ids.into_iter().filter(|id| is_job(id)).map(str::to_owned).collect();
            let presence = self.presence(queue, &ids).await?;
            let lost = ids.into_iter().zip(presence).filter(|(_, p)| *p == Presence::Adrift);
            adrift.extend(lost.map(|(id, _)| id));
            left -= 1;
            match next {
                Some(next) if left > 0 => cursor = next,
                _ => break,
            }
        }
        // A key may be told twice.
        adrift.sort();
        adrift.dedup();
        if adrift.is_empty() {
            return Ok(Vec::new());
        }
        let named: Vec<_> = adrift.iter().take(NAMED).map(|id| format!("{id:?}")).collect();
        Ok(vec![Finding::trouble(format!(
            "{} jobs are in no state and never run ({}): orders get new ones by themselves; remove the old \
             ones by `waybill queue remove`",
            adrift.len(),
            named.join(", ")
        ))])
    }
}

/// Whether a key of a queue is a job and nothing else.
fn is_job(name: &str) -> bool {
    !name.contains(':') && !new_job::RESERVED.contains(&name)
}

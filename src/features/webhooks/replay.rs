//! Events of an earlier time, sent again to one address: at a bounded rate, beside what is new.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    model::{Delivery, DeliveryState, Endpoint, EndpointState},
    service::Webhooks,
};
use crate::{
    base::timestamp::Timestamp,
    features::events::{Events, places::passed},
    platform::store::{Batch, CommitError, Decision, StoreError, Updated},
};

/// So many events are looked at in so long.
pub(super) const AT_ONCE: usize = 50;
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How often it is decided again when somebody was faster.
const TRIES: usize = 5;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplayOf {
    /// Those that did not arrive: that failed, also if they wait for their next try, or were never sent to
    /// this address.
    Missing,
    All,
}

/// How far it is. It is of the address's document, so it goes on wherever its worker dies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    pub of: ReplayOf,
    pub since: Timestamp,
    /// The number of the last event that was looked at, and of the last one to be.
    pub place: i64,
    pub until: i64,
    /// Deliveries that were made due.
    pub sent: i64,
}

/// Makes the next few due. Gives the address as it then stands, and those deliveries; nothing when there is
/// nothing to be replayed.
///
/// # Errors
/// When the store fails.
pub(super) async fn step(
    webhooks: &Webhooks,
    events: &Events,
    id: &str,
) -> Result<Option<(Endpoint, Vec<Delivery>)>, StoreError> {
    for _ in 0..TRIES {
        let Some(mut endpoint) = webhooks.store.get::<Endpoint>(id).await? else { return Ok(None) };
        let Some(mut replay) = endpoint.replay.take() else { return Ok(None) };
        if endpoint.state != EndpointState::Enabled {
            return Ok(None);
        }
        let page = events.page_of(&endpoint.merchant, replay.place, AT_ONCE).await?;
        let (place, more) = passed(&page, replay.place);
        let last = !more || place >= replay.until;
        let now = webhooks.clock.now();
        let wanted = page.docs.iter().filter(|event| event.seq <= replay.until && event.at >= replay.since);
        let fresh: Vec<_> = wanted
            .filter(|event| event.public.as_ref().is_some_and(|public| endpoint.wants(&public.kind)))
            .filter_map(|event| Delivery::of(event, &endpoint, now))
            .collect();
        let (batch, due) = sent_again(webhooks, fresh, replay.of, now).await?;
        replay.place = place;
        replay.sent = replay.sent.saturating_add(i64::try_from(due.len()).unwrap_or(i64::MAX));
        if last {
            endpoint.replayed(replay.since);
        } else {
            endpoint.replay = Some(replay);
        }
        match webhooks.store.commit(batch.replace(&endpoint)).await {
            Ok(()) => {
                endpoint.version += 1;
                return Ok(Some((endpoint, due)));
            }
            // The address or one of the deliveries has changed since.
            Err(CommitError::Lost { .. } | CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
    Err(StoreError::Contended)
}

/// The writes that make these due, as far as they are to be sent, and the deliveries as they then stand.
async fn sent_again(
    webhooks: &Webhooks,
    fresh: Vec<Delivery>,
    of: ReplayOf,
    now: Timestamp,
) -> Result<(Batch, Vec<Delivery>), StoreError> {
    let ids: Vec<_> = fresh.iter().map(|delivery| delivery.id.as_str()).collect();
    let mut known = webhooks.store.get_many::<Delivery>(&ids).await?.docs;
    let (mut batch, mut due) = (Batch::new(), Vec::new());
    for delivery in fresh {
        let at = known.iter().position(|known| known.id == delivery.id);
        match at.map(|at| known.swap_remove(at)) {
            None => {
                batch = batch.insert(&delivery);
                due.push(delivery);
            }
            // To be sent at once anyhow.
            Some(known) if known.state == DeliveryState::Pending && known.failed_tries == 0 => {}
            Some(known) if known.state == DeliveryState::Delivered && of == ReplayOf::Missing => {}
            Some(mut known) => {
                known.send_again(now);
                batch = batch.replace(&known);
                known.version += 1;
                due.push(known);
            }
        }
    }
    Ok((batch, due))
}

/// Begins one; the one before it ends.
pub(super) async fn begin(
    webhooks: &Webhooks,
    events: &Events,
    id: &str,
    of: ReplayOf,
    since: Timestamp,
) -> Result<Updated<Endpoint, bool>, StoreError> {
    let (place, until) = (events.before_time(since).await?, events.last().await?);
    let now = webhooks.clock.now();
    webhooks
        .store
        .update(id, |endpoint: &mut Endpoint| {
            if endpoint.state != EndpointState::Enabled {
                return Ok(Decision::Leave(false));
            }
            endpoint.replay = Some(Replay { of, since, place, until, sent: 0 });
            endpoint.wake(now);
            Ok(Decision::Save(true))
        })
        .await
}

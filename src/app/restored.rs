//! After a database was restored from a backup: what was sent since then is live at the provider, and the
//! orders do not know it.
//!
//! Guards against a second shipment of each. A worker would send them as if nothing had happened, and a held
//! account would not stop it, since the probe of a hold sends. So, before any worker starts, each order that
//! one would send is handed to a person, and adopted if the provider shows a shipment of it. One that the
//! provider shows as cancelled waits as such: its merchant may have wanted that, and would get it all the
//! same from whoever sends all at once whose outcome is not known.
//!
//! Guards also against events that nobody takes: their numbers begin where the backup ended, and merchants
//! were told of others under the next ones.

use futures_util::{StreamExt, stream};

use super::{App, PASS};
use crate::{
    base::timestamp::Timestamp,
    features::{
        events::Events,
        orders::{
            model::Order,
            reason,
            review::Refusal,
            service::review::{Action, Item, Report, ReviewError, ReviewFilter, ReviewService},
            status::SyncStatus,
        },
    },
    platform::{
        outbox::LeaseDocument,
        store::{Order as Sort, Query, StoreError},
    },
};

/// What a worker sends. An order that is being reconciled is looked up by it, too.
const SENT: [SyncStatus; 3] = [SyncStatus::Queued, SyncStatus::Retrying, SyncStatus::Processing];

/// How many orders are read at a time, and changed at the same time.
const PAGE: usize = 200;
const SIDE_BY_SIDE: usize = 16;

/// Numbers of events that are left out: far more than are given between a backup and its restore, and few of
/// the 16 digits that an id has.
pub const NUMBERS_LEFT_OUT: i64 = 1_000_000_000;

/// Why nothing was done, or not all of it: then it can be done again.
#[derive(Debug, thiserror::Error)]
pub enum RestoredError {
    #[error("a worker is running (its leader's lease lasts until {0}): stop all workers and APIs")]
    Running(Timestamp),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The orders that a worker would have sent.
    pub handed_over: usize,
    /// What the provider shows, of these and of all others that waited for a person.
    pub looked_up: Report,
}

/// What a worker would send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToBeSent {
    /// The orders of the provider that these settings name.
    pub ours: Vec<String>,
    /// How many there are of another one: a worker with its settings sends them.
    pub of_others: usize,
}

/// The orders that a worker would send.
///
/// # Errors
/// [`RestoredError`].
pub async fn to_be_sent(app: &App) -> Result<ToBeSent, RestoredError> {
    let (store, now) = (app.store.within(PASS), app.clock.now());
    let lease = store.get::<LeaseDocument>("outbox").await?;
    if let Some(lease) = lease.filter(|lease| lease.holder.is_some() && lease.until > now) {
        return Err(RestoredError::Running(lease.until));
    }
    let (ours, of_others) = in_states(app, &SENT).await?;
    Ok(ToBeSent { ours, of_others })
}

/// The orders in `states` of the provider that the settings name, and how many there are of another one.
async fn in_states(app: &App, states: &[SyncStatus]) -> Result<(Vec<String>, usize), RestoredError> {
    let store = app.store.within(PASS);
    let (mut ours, mut of_others) = (Vec::new(), 0);
    for status in states {
        let of_status = Query::sorted_by("createdAt", Sort::Ascending);
        let mut next = Some(of_status.equal("providerSyncStatus", status.as_str()).limit(PAGE));
        while let Some(query) = next {
            let page = store.find::<Order>(&query).await?;
            next = page.next.clone().map(|cursor| query.after(cursor));
            for order in page.whole()? {
                if order.provider_env() == app.env {
                    ours.push(order.id().to_owned());
                } else {
                    of_others += 1;
                }
            }
        }
    }
    Ok((ours, of_others))
}

/// Hands over what a worker would send, looks up all orders that wait for a person, tells of each, and adopts
/// what is found. What is found cancelled waits as [`reason::FOUND_CANCELLED`] from then on. What is not
/// found is looked up once more when a person sends it.
///
/// # Errors
/// [`RestoredError`].
pub async fn settle(
    app: &App,
    reviews: &ReviewService,
    mut tell: impl FnMut(&Item),
) -> Result<Settled, RestoredError> {
    let (sent, orders) = (to_be_sent(app).await?.ours, app.state.orders.within(PASS));
    let waiting = in_states(app, &[SyncStatus::NeedsReview]).await?.0;
    Events::new(app.store.within(PASS)).skip(NUMBERS_LEFT_OUT).await?;
    let why = format!("{}: the database was restored from a backup", reason::OUTCOME_UNKNOWN);
    let all = stream::iter(sent.iter().chain(&waiting));
    let mut noting = all.map(|id| orders.restored(id, &why)).buffer_unordered(SIDE_BY_SIDE);
    while let Some(noted) = noting.next().await {
        noted?;
    }
    let (all, mut cancelled) = (ReviewFilter::default(), Vec::new());
    let tell = |item: &Item| {
        if matches!(item.result, Err(ReviewError::Refused(Refusal::ShipmentCancelled))) {
            cancelled.push(item.id.clone());
        }
        tell(item);
    };
    let looked_up = Box::pin(reviews.all(Action::AdoptFound, &all, false, tell)).await;
    for id in &cancelled {
        orders.seen_cancelled(id).await?;
    }
    Ok(Settled { handed_over: sent.len(), looked_up: looked_up? })
}

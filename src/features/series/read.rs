//! What the dashboard draws.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BOUNDS_MS, CALLS, DEPTH, HourSeries, JOBS, MinuteSeries, OUTCOMES, VERSION, document::Spanned};
use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::{AuditLine, Outcome},
        events::{Event, Events},
        provider_accounts::model::Account,
    },
    platform::store::{Order as Sort, Query, Store, StoreError},
};

/// The longest time that is drawn by minutes, and that at all.
const MINUTES_FOR: i64 = 24 * 3_600_000;
pub const LONGEST_MS: i64 = 31 * MINUTES_FOR;
/// Lines of the audit log, and events of one account, that are looked through for markers.
const LINES: usize = 1000;
/// A lift of the audit log is told by an event so much later at most.
const TOLD_WITHIN_MS: i64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeriesName {
    Throughput,
    Failures,
    Latency,
    Depth,
    Verdicts,
}

/// The numbers of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Point {
    /// When the step begins.
    #[schema(inline)]
    pub at: Timestamp,
    /// `completed`, `failed`, `delayed`, `retried`; `waiting`, `active`, `delayed`; `p50`, `p95`, `p99`
    /// (milliseconds, the upper bound of the bucket) and `count`; or the verdicts.
    #[serde(flatten)]
    pub numbers: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarkerKind {
    Deploy,
    Pause,
    Resume,
    Hold,
    Lift,
}

/// Something that may explain a bend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Marker {
    #[schema(inline)]
    pub at: Timestamp,
    pub kind: MarkerKind,
    pub words: String,
}

/// What is drawn. Steps without numbers are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Series {
    /// Between two points, in seconds: 60 or 3600.
    pub step: u32,
    pub points: Vec<Point>,
    pub markers: Vec<Marker>,
}

/// The numbers of each series at each step.
pub(super) type Told = Vec<(Timestamp, String, Vec<u64>)>;

impl Series {
    /// The numbers from `from` to `to`: by minutes for a day or less that is not older than two, otherwise by
    /// hours. `queue`: of that queue alone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(
        store: &Store,
        name: SeriesName,
        queue: Option<&str>,
        (from, to, now): (Timestamp, Timestamp, Timestamp),
    ) -> Result<Self, StoreError> {
        let (step, told) = steps(store, (from, to, now)).await?;
        let mut markers = marked(store, from, to).await?;
        markers.extend(deploys(&told));
        markers.sort_by_key(|marker| marker.at);
        Ok(Self { step, points: points(name, queue, &told), markers })
    }
}

/// How long a step is, in seconds, and what is told of each.
pub(super) async fn steps(
    store: &Store,
    (from, to, now): (Timestamp, Timestamp, Timestamp),
) -> Result<(u32, Told), StoreError> {
    let minutes = to.as_millis() - from.as_millis() <= MINUTES_FOR
        && now.as_millis() - from.as_millis() <= 2 * MINUTES_FOR;
    Ok(if minutes {
        (60, told::<MinuteSeries>(store, from, to).await?)
    } else {
        (3600, told::<HourSeries>(store, from, to).await?)
    })
}

async fn told<D: Spanned>(store: &Store, from: Timestamp, to: Timestamp) -> Result<Told, StoreError> {
    let mut query = Query::sorted_by("from", Sort::Ascending).from(D::begin(from)).before(to).limit(50);
    let mut told = Vec::new();
    loop {
        let page = store.find::<D>(&query).await?;
        for mut document in page.docs {
            let told_of = document.told().into_iter();
            // A step that `from` is in the middle of counts whole.
            let wanted = |at: Timestamp| at.as_millis() + D::STEP > from.as_millis() && at < to;
            told.extend(told_of.filter(|(at, ..)| wanted(*at)));
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(told),
        }
    }
}

fn points(name: SeriesName, queue: Option<&str>, told: &Told) -> Vec<Point> {
    let kind = match name {
        SeriesName::Throughput | SeriesName::Failures | SeriesName::Latency => JOBS,
        SeriesName::Depth => DEPTH,
        SeriesName::Verdicts => CALLS,
    };
    let mut sums: BTreeMap<Timestamp, BTreeMap<String, Vec<u64>>> = BTreeMap::new();
    for (at, series, numbers) in told {
        let Some((of, rest)) = series.split_once('/').filter(|(of, _)| *of == kind) else { continue };
        if of != CALLS && queue.is_some_and(|queue| queue != rest) {
            continue;
        }
        let group = if of == CALLS { rest.rsplit('/').next().unwrap_or(rest) } else { "" };
        let sum = sums.entry(*at).or_default().entry(group.to_owned()).or_default();
        sum.resize(sum.len().max(numbers.len()), 0);
        sum.iter_mut().zip(numbers).for_each(|(sum, n)| *sum = sum.saturating_add(*n));
    }
    let point = |(at, groups): (Timestamp, BTreeMap<String, Vec<u64>>)| {
        let one = groups.values().next().map(Vec::as_slice).unwrap_or_default();
        let numbers = match name {
            SeriesName::Throughput => named(one, &["completed", "failed", "delayed", "retried"]),
            SeriesName::Failures => {
                let mut all = named(one, &["", "failed", "", "retried"]);
                all.remove("");
                all
            }
            SeriesName::Latency => percentiles(one.get(OUTCOMES..).unwrap_or_default()),
            SeriesName::Depth => named(one, &["waiting", "active", "delayed"]),
            SeriesName::Verdicts => {
                groups.iter().map(|(verdict, n)| (verdict.clone(), n.iter().sum())).collect()
            }
        };
        Point { at, numbers }
    };
    sums.into_iter().map(point).collect()
}

fn named(numbers: &[u64], names: &[&str]) -> BTreeMap<String, u64> {
    names.iter().zip(numbers).map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

/// The upper bound of the bucket that so many percent are not above.
pub(super) fn percentile(buckets: &[u64], percent: u64) -> u64 {
    let count: u64 = buckets.iter().sum();
    let rank = (count * percent).div_ceil(100).max(1);
    let mut seen = 0;
    let bucket = buckets.iter().position(|n| {
        seen += n;
        seen >= rank
    });
    let last = BOUNDS_MS.last().copied().unwrap_or_default();
    bucket.and_then(|bucket| BOUNDS_MS.get(bucket)).copied().unwrap_or(last)
}

fn percentiles(buckets: &[u64]) -> BTreeMap<String, u64> {
    let at = |percent| percentile(buckets, percent);
    let all = [("p50", at(50)), ("p95", at(95)), ("p99", at(99)), ("count", buckets.iter().sum())];
    all.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

/// Where a version of the program appears that was not there before, behind the first numbers.
fn deploys(told: &Told) -> Vec<Marker> {
    let versions = || told.iter().filter_map(|(at, series, _)| Some((*at, series.strip_prefix(VERSION)?)));
    let Some(first) = versions().map(|(at, _)| at).min() else { return Vec::new() };
    let mut known = BTreeSet::new();
    versions()
        .filter(|(_, version)| known.insert(*version))
        .filter(|(at, _)| *at > first)
        .map(|(at, version)| {
            let words =
                format!("version {} began to work", version.trim_start_matches('/').replace('_', "."));
            Marker { at, kind: MarkerKind::Deploy, words }
        })
        .collect()
}

/// Pauses, resumptions and lifts of the audit log, and holds.
async fn marked(store: &Store, from: Timestamp, to: Timestamp) -> Result<Vec<Marker>, StoreError> {
    let lines = Query::sorted_by("at", Sort::Descending).from(from).before(to).limit(LINES);
    let lines = store.find::<AuditLine>(&lines).await?.docs;
    let marker = |line: AuditLine| {
        let kind = match line.action.as_str() {
            "queue.pause" => MarkerKind::Pause,
            "queue.resume" => MarkerKind::Resume,
            "account.lift" => MarkerKind::Lift,
            _ => return None,
        };
        let words = format!("{} by {}", line.subject.id, line.actor.name);
        (line.outcome == Outcome::Done).then_some(Marker { at: line.at, kind, words })
    };
    let mut markers: Vec<_> = lines.into_iter().filter_map(marker).collect();
    let lifted: Vec<_> = markers.iter().filter(|m| m.kind == MarkerKind::Lift).map(|m| m.at).collect();
    let accounts = Query::sorted_by("createdAt", Sort::Ascending).limit(100);
    for account in store.find::<Account>(&accounts).await?.docs {
        let before = account.version.saturating_sub(i64::try_from(LINES).unwrap_or(i64::MAX));
        let steps = Events::new(store.clone()).steps_of(&account.id, before, LINES).await?;
        let mut held = ended(&account.id, steps, &lifted);
        if let Some(hold) = &account.hold {
            let words = format!("{} is held: {}", account.id, hold.kind);
            held.push(Marker { at: hold.since, kind: MarkerKind::Hold, words });
        }
        markers.extend(held.into_iter().filter(|marker| marker.at >= from && marker.at < to));
    }
    Ok(markers)
}

/// The holds of an account that have ended, by its events, in their order. An end that somebody `lifted` it
/// for has a marker already.
fn ended(account: &str, steps: Vec<Event>, lifted: &[Timestamp]) -> Vec<Marker> {
    let (mut markers, mut begun): (Vec<_>, Option<Event>) = (Vec::new(), None);
    for step in steps {
        if step.kind == "account.held" {
            begun = begun.or(Some(step));
            continue;
        }
        let Some(first) = begun.take().filter(|_| step.kind == "account.free") else { continue };
        let kind = first.data.get("kind").and_then(serde_json::Value::as_str).unwrap_or("unknown");
        let words = format!("{account} was held: {kind}");
        markers.push(Marker { at: first.at, kind: MarkerKind::Hold, words });
        let told = |at: &Timestamp| (0..TOLD_WITHIN_MS).contains(&(step.at.as_millis() - at.as_millis()));
        if !lifted.iter().any(told) {
            let words = format!("{account} works again");
            markers.push(Marker { at: step.at, kind: MarkerKind::Lift, words });
        }
    }
    markers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_bounds_of_their_buckets() {
        let mut buckets = vec![0; BOUNDS_MS.len() + 1];
        buckets[2] = 95;
        buckets[5] = 4;
        buckets[11] = 1;
        let told = percentiles(&buckets);
        assert_eq!([told["p50"], told["p95"], told["p99"], told["count"]], [100, 100, 1000, 100]);
        buckets[11] = 10;
        assert_eq!(percentiles(&buckets)["p99"], 60_000, "what took longer is told as the last bound");
    }

    #[test]
    fn a_version_that_comes_later_is_a_deploy() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let told = |minute, version: &str| (at(minute), format!("{VERSION}/{version}"), vec![1]);
        let all = vec![told(1, "1_0_0"), told(2, "1_0_0"), told(3, "1_1_0"), told(4, "1_1_0")];
        let deploys = deploys(&all);
        assert_eq!(deploys.len(), 1, "{deploys:?}");
        assert_eq!((deploys[0].at, deploys[0].words.as_str()), (at(3), "version 1.1.0 began to work"));
    }

    #[test]
    fn a_hold_that_has_ended_stays_marked() {
        let step = |no: i64, kind: &str| Event {
            id: format!("evt_{no}"),
            version: 1,
            seq: no,
            at: Timestamp::from_millis(no * 60_000),
            kind: kind.to_owned(),
            subject: "parcelx".to_owned(),
            no,
            merchant: None,
            public: None,
            data: serde_json::Map::from_iter([("kind".to_owned(), "wallet".into())]),
            extra: serde_json::Map::new(),
        };
        let kinds = ["account.free", "account.held", "account.held", "account.free", "account.held"];
        let steps = || (1..).zip(kinds).map(|(no, kind)| step(no, kind)).collect();
        let told = |lifted: &[Timestamp]| {
            let all = ended("parcelx", steps(), lifted).into_iter();
            all.map(|m| (m.at.as_millis() / 60_000, m.kind, m.words)).collect::<Vec<_>>()
        };
        let hold = (2, MarkerKind::Hold, "parcelx was held: wallet".to_owned());
        let lift = (4, MarkerKind::Lift, "parcelx works again".to_owned());
        assert_eq!(told(&[]), [hold.clone(), lift]);
        // Whose lift ended it stands in the audit log.
        assert_eq!(told(&[Timestamp::from_millis(239_000)]), [hold]);
    }
}

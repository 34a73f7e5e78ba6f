//! When a delivery that failed is tried again: nine tries over about 30 hours.

use std::time::Duration;

use crate::base::ids;

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

const fn hours(n: u64) -> Duration {
    minutes(n * 60)
}

/// The waits between the tries.
const WAITS: [Duration; 8] =
    [Duration::from_secs(5), minutes(1), minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(12)];
/// The longest that an address may ask us to wait: no two tries of a delivery are further apart.
pub(super) const LONGEST: Duration = hours(24);

/// How long to wait after this many failed tries; nothing: it was the last. Each wait is up to a tenth longer
/// or shorter, so that what failed together does not come back together. An address may ask for more, never
/// for less.
pub(super) fn wait(failed: u32, asked: Option<Duration>) -> Option<Duration> {
    let at = usize::try_from(failed.saturating_sub(1)).ok()?;
    let wait = WAITS.get(at)?.mul_f64(0.9 + ids::fraction() * 0.2);
    Some(wait.max(asked.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tries_take_about_thirty_hours() {
        let waits: Vec<_> = (1..20).map_while(|failed| wait(failed, None)).collect();
        assert_eq!(waits.len(), 8);
        let hours = waits.iter().sum::<Duration>().as_secs_f64() / 3600.0;
        assert!((26.0..33.0).contains(&hours), "{hours}");
        assert!(waits.is_sorted());
        assert!(WAITS.iter().all(|wait| wait.mul_f64(1.1) < LONGEST));
    }

    #[test]
    fn an_address_may_ask_for_more_time_and_not_for_less() {
        assert_eq!(wait(1, Some(minutes(10))), Some(minutes(10)));
        assert!(wait(8, Some(Duration::ZERO)).unwrap() > hours(10));
        assert_eq!(wait(1, Some(hours(1000))), Some(hours(24)));
        assert_eq!(wait(9, Some(minutes(1))), None);
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let waits: std::collections::BTreeSet<_> = (0..50).map(|_| wait(4, None).unwrap()).collect();
        assert!(waits.len() > 40);
        assert!(waits.iter().all(|wait| (minutes(27)..=minutes(33)).contains(wait)));
    }
}

//! All processes take their time from the database, whatever their machines' clocks say.
//!
//! Guards against a worker whose clock is minutes ahead, and which takes the first look for an unanswered
//! call for the last one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::AppError;
use crate::{
    base::clock::Clock,
    platform::store::{Store, StoreError},
};

/// Of so many answers the middle one counts: one of them may have been slow on its way.
const ASKED: usize = 5;
/// How often the database is asked again.
const EVERY: Duration = Duration::from_secs(60);
/// From here on a machine's clock is told to be off, and refused.
const TOLD: SignedDuration = SignedDuration::from_secs(30);
const REFUSED: SignedDuration = SignedDuration::from_mins(5);

/// What has a clock that all processes can see.
#[async_trait]
pub(super) trait TimeSource: Send + Sync + 'static {
    /// Its time less this machine's; nothing where it has no clock of its own.
    ///
    /// # Errors
    /// When it does not answer.
    async fn offset(&self) -> Result<Option<SignedDuration>, StoreError>;
}

#[async_trait]
impl TimeSource for Store {
    async fn offset(&self) -> Result<Option<SignedDuration>, StoreError> {
        self.clock_offset().await
    }
}

/// Sets `clock` by the source, and steers it from then on until the answer is dropped. Nothing where the
/// source has no clock.
///
/// # Errors
/// [`AppError::Clock`] when this machine's clock is more than 5 min off, [`AppError::Store`] when the source
/// does not answer.
pub(super) async fn keep(source: impl TimeSource, clock: &Clock) -> Result<Option<Arc<DropGuard>>, AppError> {
    let Some(offset) = median(&source).await? else { return Ok(None) };
    if offset.abs() > REFUSED {
        return Err(AppError::Clock(in_words(offset)));
    }
    tell(offset);
    clock.set_offset(offset);
    let (stop, clock) = (CancellationToken::new(), clock.clone());
    let stopped = stop.clone();
    tokio::spawn(async move {
        while stopped.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            refresh(&source, &clock).await;
        }
    });
    Ok(Some(Arc::new(stop.drop_guard())))
}

/// Asks once more. A clock that is far off by now goes on by the source's time, which is everybody's.
async fn refresh(source: &impl TimeSource, clock: &Clock) {
    match median(source).await {
        Ok(Some(offset)) => {
            tell(offset);
            clock.steer(offset);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the database's time could not be asked for"),
    }
}

async fn median(source: &impl TimeSource) -> Result<Option<SignedDuration>, StoreError> {
    let mut offsets = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let Some(offset) = source.offset().await? else { return Ok(None) };
        offsets.push(offset);
    }
    offsets.sort_unstable();
    Ok(offsets.get(ASKED / 2).copied())
}

fn tell(offset: SignedDuration) {
    if offset.abs() > TOLD {
        let off = in_words(offset);
        tracing::warn!(off, "this machine's clock is {off} the database's, whose time counts: set it");
    }
}

fn in_words(offset: SignedDuration) -> String {
    let side = if offset.is_positive() { "behind" } else { "ahead of" };
    format!("{} s {side}", offset.abs().as_secs())
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use super::*;
    use crate::base::timestamp::Timestamp;

    /// Answers one after the other; then it has no clock.
    struct Answers(Mutex<VecDeque<Result<Option<SignedDuration>, StoreError>>>);

    #[async_trait]
    impl TimeSource for Answers {
        async fn offset(&self) -> Result<Option<SignedDuration>, StoreError> {
            self.0.lock().unwrap().pop_front().unwrap_or(Ok(None))
        }
    }

    fn answers(secs: &[i64]) -> Answers {
        Answers(Mutex::new(secs.iter().map(|s| Ok(Some(SignedDuration::from_secs(*s)))).collect()))
    }

    /// In seconds.
    fn offset(clock: &Clock) -> i64 {
        (clock.now().as_millis() - Clock::system().now().as_millis() + 500).div_euclid(1000)
    }

    #[tokio::test]
    async fn the_middle_of_five_answers_counts_at_once() {
        let clock = Clock::system();
        let keeping = keep(answers(&[20, 9000, 21, 19, -9000]), &clock).await.unwrap();
        assert!(keeping.is_some());
        assert_eq!(offset(&clock), 20);
        assert_eq!(offset(&clock.clone()), 20, "its clones go by it, too");
    }

    #[tokio::test]
    async fn a_clock_that_is_far_off_is_refused() {
        for (secs, words) in [(301, "301 s behind"), (-301, "301 s ahead of")] {
            let clock = Clock::system();
            let Err(AppError::Clock(told)) = keep(answers(&[secs; 5]), &clock).await else {
                panic!("it started")
            };
            assert_eq!((told.as_str(), offset(&clock)), (words, 0));
            let line = AppError::Clock(told).to_string();
            assert_eq!(
                line,
                format!("this machine's clock is {words} the database's: set it, for instance by NTP")
            );
        }
        for secs in [300, -300, 31] {
            let clock = Clock::system();
            assert!(keep(answers(&[secs; 5]), &clock).await.unwrap().is_some());
            assert_eq!(offset(&clock), secs);
        }
    }

    #[tokio::test]
    async fn later_answers_steer_slowly_and_failures_change_nothing() {
        let clock = Clock::system();
        clock.set_offset(SignedDuration::from_secs(10));
        refresh(&answers(&[250; 5]), &clock).await;
        assert!((10..60).contains(&offset(&clock)), "{}", offset(&clock));
        clock.set_offset(SignedDuration::from_secs(10));
        let away = Answers(Mutex::new([Err(StoreError::Unavailable("gone".to_owned()))].into()));
        refresh(&away, &clock).await;
        refresh(&answers(&[]), &clock).await;
        assert_eq!(offset(&clock), 10);
    }

    #[tokio::test]
    async fn without_a_clock_of_the_database_the_machine_s_own_counts() {
        let clock = Clock::system();
        assert!(keep(answers(&[]), &clock).await.unwrap().is_none());
        assert_eq!(offset(&clock), 0);
        let manual = Clock::manual(Timestamp::from_millis(5));
        assert!(keep(answers(&[20; 5]), &manual).await.unwrap().is_some());
        assert_eq!(manual.now(), Timestamp::from_millis(5));
    }
}

//! One budget for several processes.
//!
//! Guards against a limit that is multiplied by the number of processes, and against a request that waits for
//! the others: each process counts for itself, tells the others a moment later and learns what they took. So
//! a client gets through a little more than its limit only as long as that moment. While what they share is
//! away, each goes on alone.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Limiter, Rule, lock, micros, window};
use crate::platform::marks::{Marks, MarksError};

/// How long requests are counted before the others are told.
const PAUSE: Duration = Duration::from_millis(100);
/// After what they share did not answer.
const AWAY: Duration = Duration::from_secs(1);
/// Clients that the others are told of in one call.
const AT_ONCE: usize = 500;

/// Shares what `limiter` counts, as long as the answer is kept.
#[must_use]
pub fn share(limiter: &Limiter, marks: Arc<dyn Marks>) -> DropGuard {
    let end = CancellationToken::new();
    limiter.collect();
    let (limiter, ended) = (limiter.clone(), end.clone());
    tokio::spawn(async move {
        let talk = async {
            let mut away = false;
            loop {
                limiter.0.news.notified().await;
                tokio::time::sleep(if away { AWAY } else { PAUSE }).await;
                let told = limiter.exchange(&*marks).await;
                match &told {
                    Err(error) if !away => tracing::warn!(%error, "limits are not shared for now"),
                    Ok(()) if away => tracing::info!("limits are shared again"),
                    _ => {}
                }
                away = told.is_err();
            }
        };
        ended.run_until_cancelled(talk).await;
    });
    end.drop_guard()
}

impl Limiter {
    /// Keeps what it takes from now on until others are told of it.
    pub fn collect(&self) {
        self.0.is_shared.store(true, Ordering::Relaxed);
    }

    /// Tells the others what was taken here since, and learns what they took.
    ///
    /// # Errors
    /// When what they share does not answer: then it is told with the next call.
    pub async fn exchange(&self, marks: &dyn Marks) -> Result<(), MarksError> {
        for (rule, clients) in Rule::ALL.iter().zip(&self.0.clients) {
            loop {
                let (who, pushes) = taken(rule, &mut lock(clients));
                if pushes.is_empty() {
                    break;
                }
                let told = marks.push(micros(self.0.clock.now()), window(*rule), &pushes).await;
                let mut clients = lock(clients);
                match told {
                    Ok(full) => {
                        for (who, full) in who.iter().zip(full) {
                            if let Some(counted) = clients.known.get_mut(who) {
                                // What came meanwhile counts as well, and what was counted here counts also
                                // when the others' table has lost it.
                                counted.full = counted.full.max(full + counted.untold);
                            }
                        }
                    }
                    Err(error) => {
                        for (who, (_, untold)) in who.into_iter().zip(pushes) {
                            clients.give_back(who, untold);
                        }
                        self.0.news.notify_one();
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The next ones that others are to be told of: who, and what is to be said.
fn taken(rule: &Rule, clients: &mut super::Clients) -> (Vec<Box<str>>, Vec<(String, i64)>) {
    let at = clients.news.len().saturating_sub(AT_ONCE);
    let news = clients.news.split_off(at);
    let told = news.into_iter().filter_map(|who| {
        let counted = clients.known.get_mut(&who)?;
        let push = (format!("{}:{who}", rule.as_str()), std::mem::take(&mut counted.untold));
        Some((who, push))
    });
    told.unzip()
}

impl super::Clients {
    fn give_back(&mut self, who: Box<str>, untold: i64) {
        let Some(counted) = self.known.get_mut(&who) else { return };
        let news = counted.untold == 0;
        counted.untold += untold;
        if news {
            self.news.push(who);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{Mutex, atomic::AtomicBool},
    };

    use async_trait::async_trait;

    use super::*;
    use crate::{
        base::{clock::Clock, timestamp::Timestamp},
        platform::http::limits::Quotas,
    };

    /// What a server would keep.
    #[derive(Debug, Default)]
    struct Table {
        marks: Mutex<HashMap<String, i64>>,
        away: AtomicBool,
    }

    #[async_trait]
    impl Marks for Table {
        async fn push(&self, now: i64, window: i64, all: &[(String, i64)]) -> Result<Vec<i64>, MarksError> {
            if self.away.load(Ordering::Relaxed) {
                return Err(MarksError("away".to_owned()));
            }
            let mut marks = self.marks.lock().unwrap();
            let pushed = all.iter().map(|(name, by)| {
                let mark = marks.entry(name.clone()).or_default();
                *mark = ((*mark).max(now) + by).min(now + window);
                *mark
            });
            Ok(pushed.collect())
        }
    }

    fn limiters(clock: &Clock, address: u32) -> [Limiter; 2] {
        [(), ()].map(|()| {
            let limiter = Limiter::new(Quotas { address, ..Quotas::default() }, clock.clone());
            limiter.collect();
            limiter
        })
    }

    fn takes(limiter: &Limiter, who: &str) -> usize {
        (0..100).take_while(|_| limiter.take(Rule::Address, who).is_ok()).count()
    }

    #[tokio::test]
    async fn what_one_process_took_the_other_knows_and_nobody_waits_for_longer_than_alone() {
        let (clock, table) = (Clock::manual(Timestamp::from_millis(1_000_000)), Table::default());
        let [one, other] = limiters(&clock, 6);
        for _ in 0..4 {
            one.take(Rule::Address, "a").unwrap();
        }
        one.exchange(&table).await.unwrap();
        other.take(Rule::Address, "a").unwrap();
        other.exchange(&table).await.unwrap();
        assert_eq!(takes(&other, "a"), 1, "the sixth is the last");
        assert_eq!(takes(&other, "b"), 6);
        // Both have counted more than there is: that is forgiven, and after a minute all is as at first.
        assert_eq!(takes(&one, "a"), 2);
        for limiter in [&one, &other] {
            limiter.exchange(&table).await.unwrap();
        }
        clock.advance(Duration::from_secs(10));
        assert_eq!(takes(&one, "a"), 1);
        clock.advance(Duration::from_secs(60));
        assert_eq!(takes(&one, "a"), 6);
    }

    #[tokio::test]
    async fn while_the_table_is_away_each_counts_alone_and_tells_it_afterwards() {
        let (clock, table) = (Clock::manual(Timestamp::from_millis(1_000_000)), Table::default());
        let [one, other] = limiters(&clock, 4);
        table.away.store(true, Ordering::Relaxed);
        one.take(Rule::Address, "a").unwrap();
        one.exchange(&table).await.unwrap_err();
        one.take(Rule::Address, "a").unwrap();
        one.exchange(&table).await.unwrap_err();
        assert_eq!(takes(&one, "a"), 2, "its own limit holds");
        table.away.store(false, Ordering::Relaxed);
        one.exchange(&table).await.unwrap();
        assert_eq!(lock(&one.0.clients[0]).news.len(), 0);
        other.take(Rule::Address, "a").unwrap();
        other.exchange(&table).await.unwrap();
        assert_eq!(takes(&other, "a"), 0);
    }
}

//! Times that processes push on together, beside the queues. Lost with the server, which costs nothing.

use std::fmt;

use async_trait::async_trait;

use super::{CALL, RedisQueue, jobs::text, scripts};
use crate::platform::marks::{Marks, MarksError};

#[async_trait]
impl Marks for RedisQueue {
    async fn push(&self, now: i64, window: i64, pushes: &[(String, i64)]) -> Result<Vec<i64>, MarksError> {
        let mut args = vec![text(now.to_string()), text((now + window).to_string())];
        for (name, by) in pushes {
            args.extend([text(name.clone()), text(by.to_string())]);
        }
        let told = self.calls.run(&scripts::PUSH_MARKS, &[&self.own_key("marks:")], args, CALL).await;
        let told = told.map_err(|error| MarksError(error.to_string()))?.list();
        let all: Option<Vec<i64>> = told.iter().map(|mark| mark.text()?.parse().ok()).collect();
        all.filter(|all| all.len() == pushes.len())
            .ok_or_else(|| MarksError("the answer does not read".to_owned()))
    }
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue").field("at", &self.place.shown).finish_non_exhaustive()
    }
}

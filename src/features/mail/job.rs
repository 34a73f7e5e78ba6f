//! Sends one mail.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Mailer,
    model::{Email, GIVEN_UP_AFTER, State},
    sender::{Outgoing, SendError},
};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        queue::{
            ActiveJob,
            job::{DeathCause, Job, JobError, Outcome, Payload},
        },
        store::{Decision, StoreError, Updated},
    },
};

/// Between two tries: it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How often a mail is sent that may have arrived: with the same message id each time, so that most mail
/// programs show it once.
const MOST_UNCLEAR: u32 = 3;

/// The job's data: which mail. Neither the address nor the code: a queue board shows jobs to many.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendEmail {
    pub email_id: String,
    pub generation: i64,
}

impl Payload for SendEmail {
    const NAME: &'static str = "send-email";
    const QUEUE: &'static str = "emails-queue";

    fn share(&self) -> Option<&str> {
        None
    }
}

impl Job for SendEmail {
    type Context = Mailer;

    async fn run(&self, ctx: &Mailer, _job: &ActiveJob) -> Result<Outcome, JobError> {
        let email = ctx.store.get::<Email>(&self.email_id).await.map_err(JobError::from)?;
        let Some(email) = email.filter(|email| email.has_job(self.generation)) else {
            return Ok(Outcome::Completed(json!({ "message": "Nothing to do" })));
        };
        let Some(to) = &email.to else {
            return self.end(ctx, State::Sent, None).await;
        };
        let words = email.words(&ctx.public_url);
        let outgoing = Outgoing { id: &email.id, to, words: &words };
        match ctx.sender.send(&outgoing).await {
            Ok(()) => self.end(ctx, State::Sent, None).await,
            Err(error) => self.failed(ctx, &email, error).await,
        }
    }

    async fn on_dead(&self, ctx: &Mailer, _job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        self.end(ctx, State::Failed, Some(why.reason().to_owned())).await.map(|_| ())
    }
}

impl SendEmail {
    async fn failed(&self, ctx: &Mailer, email: &Email, error: SendError) -> Result<Outcome, JobError> {
        let now = ctx.clock.now();
        let (unclear, refused) = match &error {
            SendError::Never(_) => return self.end(ctx, State::Failed, Some(error.to_string())).await,
            SendError::Unclear(_) => (email.unclear + 1, email.refused),
            SendError::Later(_) => (email.unclear, email.refused + 1),
        };
        if unclear >= MOST_UNCLEAR || now.since(email.created_at) >= GIVEN_UP_AFTER {
            return self.end(ctx, State::Failed, Some(error.to_string())).await;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (unclear + refused - 1).min(8));
        let (after, reason) = (doubled.min(LONGEST_PAUSE), error.to_string());
        let note = |email: &mut Email, at: Timestamp| {
            (email.unclear, email.refused) = (unclear, refused);
            email.put_off(reason.clone(), at);
        };
        self.update(ctx, |email| note(email, now + after)).await?;
        Ok(Outcome::Delay { after, reason })
    }

    async fn end(&self, ctx: &Mailer, state: State, reason: Option<String>) -> Result<Outcome, JobError> {
        let now = ctx.clock.now();
        self.update(ctx, |email| email.end(state, reason.clone(), now)).await?;
        Ok(match (state, reason) {
            (State::Failed, Some(reason)) => {
                tracing::error!(email.id = self.email_id, reason, "mail {} is given up", self.email_id);
                Outcome::Failed { reason }
            }
            _ => Outcome::Completed(json!({ "emailId": self.email_id, "success": true })),
        })
    }

    async fn update(&self, ctx: &Mailer, change: impl Fn(&mut Email)) -> Result<(), JobError> {
        let updated = ctx.store.update::<Email, (), StoreError>(&self.email_id, |email| {
            if !email.has_job(self.generation) {
                return Ok(Decision::Leave(()));
            }
            change(email);
            Ok(Decision::Save(()))
        });
        updated.await.map(|_: Updated<Email, ()>| ()).map_err(JobError::from)
    }
}

//! Sends one mail, or one text: two queues, so that a gateway that is down delays no mail.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Mailer,
    model::{Email, State},
    sender::{Outgoing, SendError},
    template::Template,
};
use crate::{
    base::timestamp::Timestamp,
    features::merchants::{phone::Phone, user::User},
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
        Sending::of(&self.email_id, self.generation, ctx).run().await
    }

    async fn on_dead(&self, ctx: &Mailer, _job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        Sending::of(&self.email_id, self.generation, ctx).died(why).await
    }
}

/// The same of a text to a phone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendText {
    pub text_id: String,
    pub generation: i64,
}

impl Payload for SendText {
    const NAME: &'static str = "send-text";
    const QUEUE: &'static str = "texts-queue";

    fn share(&self) -> Option<&str> {
        None
    }
}

impl Job for SendText {
    type Context = Mailer;

    async fn run(&self, ctx: &Mailer, _job: &ActiveJob) -> Result<Outcome, JobError> {
        Sending::of(&self.text_id, self.generation, ctx).run().await
    }

    async fn on_dead(&self, ctx: &Mailer, _job: &ActiveJob, why: &DeathCause) -> Result<(), JobError> {
        Sending::of(&self.text_id, self.generation, ctx).died(why).await
    }
}

/// One send, of either kind.
struct Sending<'j> {
    id: &'j str,
    generation: i64,
    ctx: &'j Mailer,
}

impl<'j> Sending<'j> {
    fn of(id: &'j str, generation: i64, ctx: &'j Mailer) -> Self {
        Self { id, generation, ctx }
    }

    async fn run(&self) -> Result<Outcome, JobError> {
        let email = self.ctx.store.get::<Email>(self.id).await.map_err(JobError::from)?;
        let Some(email) = email.filter(|email| email.has_job(self.generation)) else {
            return Ok(Outcome::Completed(json!({ "message": "Nothing to do" })));
        };
        let Some(to) = &email.to else {
            return self.end(State::Sent, None).await;
        };
        if self.ctx.clock.now().since(email.created_at) >= email.template.life() {
            return self.end(State::Failed, Some("it is of no use any more".to_owned())).await;
        }
        if !self.is_theirs(&email, to).await.map_err(JobError::from)? {
            return self
                .end(State::Failed, Some("the number is not that person's any more".to_owned()))
                .await;
        }
        let (words, kind) = (email.words(&self.ctx.public_url), email.template.kind());
        let outgoing = Outgoing { id: &email.id, to, words: &words, kind };
        match self.ctx.sender(email.template.way()).send(&outgoing).await {
            Ok(()) => self.end(State::Sent, None).await,
            Err(error) => self.failed(&email, error).await,
        }
    }

    /// Whether a text still goes to whom it is for.
    async fn is_theirs(&self, email: &Email, to: &str) -> Result<bool, StoreError> {
        let Some(id) = &email.user else { return Ok(true) };
        let user = self.ctx.store.get::<User>(id).await?.filter(User::is_member);
        let phone = user.as_ref().map(|user| &user.phone);
        let number = match email.template {
            Template::PhoneCode => phone.and_then(Phone::number),
            _ => phone.and_then(Phone::confirmed),
        };
        Ok(number == Some(to))
    }

    async fn died(&self, why: &DeathCause) -> Result<(), JobError> {
        self.end(State::Failed, Some(why.reason().to_owned())).await.map(|_| ())
    }

    async fn failed(&self, email: &Email, error: SendError) -> Result<Outcome, JobError> {
        let now = self.ctx.clock.now();
        let (unclear, refused) = match &error {
            SendError::Never(_) => return self.end(State::Failed, Some(error.to_string())).await,
            SendError::Unclear(_) => (email.unclear + 1, email.refused),
            SendError::Later(_) => (email.unclear, email.refused + 1),
        };
        if unclear >= MOST_UNCLEAR || now.since(email.created_at) >= email.template.life() {
            return self.end(State::Failed, Some(error.to_string())).await;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (unclear + refused - 1).min(8));
        let (after, reason) = (doubled.min(LONGEST_PAUSE), error.to_string());
        let note = |email: &mut Email, at: Timestamp| {
            (email.unclear, email.refused) = (unclear, refused);
            email.put_off(reason.clone(), at);
        };
        self.update(|email| note(email, now + after)).await?;
        Ok(Outcome::Delay { after, reason })
    }

    async fn end(&self, state: State, reason: Option<String>) -> Result<Outcome, JobError> {
        let (now, id) = (self.ctx.clock.now(), self.id);
        self.update(|email| email.end(state, reason.clone(), now)).await?;
        Ok(match (state, reason) {
            (State::Failed, Some(reason)) => {
                tracing::error!(email.id = id, reason, "mail or text {id} is given up");
                Outcome::Failed { reason }
            }
            _ => Outcome::Completed(json!({ "emailId": id, "success": true })),
        })
    }

    async fn update(&self, change: impl Fn(&mut Email)) -> Result<(), JobError> {
        let updated = self.ctx.store.update::<Email, (), StoreError>(self.id, |email| {
            if !email.has_job(self.generation) {
                return Ok(Decision::Leave(()));
            }
            change(email);
            Ok(Decision::Save(()))
        });
        updated.await.map(|_: Updated<Email, ()>| ()).map_err(JobError::from)
    }
}

//! A mail, or a text, on its way: a document with an outbox, so that none is lost whatever happens to the
//! queue, and no request waits for a mail server.
//!
//! What is secret of it is there only until it was sent: afterwards the document has neither the code nor the
//! address.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    job::{SendEmail, SendText},
    template::{Language, Template, Way, Words},
};
use crate::{
    base::{ids, timestamp::Timestamp},
    platform::{
        outbox::{Again, Dispatched, Entry, Times},
        queue::{Pauses, job::Payload},
        store::{Document, Field, Index, id_and_version},
    },
};

/// Jobs in a row that may come to nothing.
const MOST_TRIES: u32 = 3;
/// A mail whose job is merely waiting is looked at less and less often, up to this.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Waiting,
    /// A mail server has it, or there was nobody to send it to.
    Sent,
    Failed,
}

/// One mail or text to one person.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Email {
    pub id: String,
    pub version: i64,
    pub template: Template,
    #[serde(default)]
    pub language: Language,
    pub state: State,
    /// An address, or a phone's number. Nobody: a request about an address that is none of ours costs the
    /// same as one about ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whose phone `to` is: a text to a number that is none of theirs by then is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What a digest lists: numbers of things, and our own numbers of orders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Sends that may have arrived, or not.
    #[serde(default)]
    pub unclear: u32,
    /// Sends that certainly did not.
    #[serde(default)]
    pub refused: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    generation: i64,
    dispatched_at: Timestamp,
    #[serde(default)]
    lost: u32,
    outbox: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbox_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overdue_at: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Neither address nor code.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email")
            .field("id", &self.id)
            .field("template", &self.template)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Document for Email {
    const COLLECTION: &'static str = "emails";
    const INDEXES: &'static [Index] = &[
        Index::on("outbox", &[Field::time(Self::OUTBOX)]).partial(),
        Index::on("overdue", &[Field::time(Self::OVERDUE)]).partial(),
        Index::on("created", &[Field::time("createdAt")]),
    ];

    id_and_version!();
}

impl Email {
    /// A mail whose job is due at once.
    #[must_use]
    pub fn new(template: Template, to: Option<String>, token: Option<String>, now: Timestamp) -> Self {
        let mut email = Self {
            id: ids::email(now),
            version: 1,
            template,
            language: Language::default(),
            state: State::Waiting,
            to,
            user: None,
            token,
            lines: Vec::new(),
            created_at: now,
            ended_at: None,
            unclear: 0,
            refused: 0,
            reason: None,
            generation: 0,
            dispatched_at: now,
            lost: 0,
            outbox: Vec::new(),
            outbox_at: None,
            overdue_at: None,
            extra: Map::new(),
        };
        email.dispatch(now);
        email
    }

    /// What it says.
    #[must_use]
    pub fn words(&self, public_url: &str) -> Words {
        self.template.words(self.language, public_url, self.token.as_deref(), &self.lines)
    }

    fn dispatch(&mut self, now: Timestamp) {
        self.generation += 1;
        self.dispatched_at = now;
        let (name, job_id) = (format!("dispatch-{}", self.generation), self.job_id());
        let (id, generation) = (self.id.clone(), self.generation);
        let entry = match self.template.way() {
            Way::Mail => Entry::of(name, job_id, &SendEmail { email_id: id, generation }, now),
            Way::Text => Entry::of(name, job_id, &SendText { text_id: id, generation }, now),
        };
        self.outbox = entry
            .inspect_err(|error| tracing::error!(%error, email.id = self.id, "a job does not serialise"))
            .into_iter()
            .collect();
        self.outbox_at = self.outbox.first().map(|entry| entry.at);
        self.overdue_at = Some(now);
    }

    fn job_id(&self) -> String {
        let what = match self.template.way() {
            Way::Mail => SendEmail::NAME,
            Way::Text => SendText::NAME,
        };
        format!("{what}-{}-{}", self.id, self.generation)
    }

    /// A mail server has it, or it is given up. Neither address nor code are kept.
    pub fn end(&mut self, state: State, reason: Option<String>, now: Timestamp) {
        (self.state, self.reason, self.ended_at) = (state, reason, Some(now));
        (self.to, self.token, self.lines) = (None, None, Vec::new());
        self.outbox.clear();
        (self.outbox_at, self.overdue_at) = (None, None);
    }

    /// It is tried again at `at`.
    pub fn put_off(&mut self, reason: String, at: Timestamp) {
        self.reason = Some(reason);
        self.overdue_at = Some(at);
        self.lost = 0;
    }

    #[must_use]
    pub fn has_job(&self, generation: i64) -> bool {
        self.state == State::Waiting && self.generation == generation
    }
}

impl Dispatched for Email {
    const OUTBOX: &'static str = "outboxAt";
    const OVERDUE: &'static str = "overdueAt";

    fn outbox(&self) -> &[Entry] {
        &self.outbox
    }

    fn overdue_at(&self) -> Option<Timestamp> {
        self.overdue_at
    }

    fn current_job(&self) -> Option<(&'static str, String)> {
        let queue = match self.template.way() {
            Way::Mail => SendEmail::QUEUE,
            Way::Text => SendText::QUEUE,
        };
        (self.state == State::Waiting).then(|| (queue, self.job_id()))
    }

    fn dispatched_at(&self) -> Timestamp {
        self.dispatched_at
    }

    fn relayed(&mut self, entry: &str, now: Timestamp) -> bool {
        let before = self.outbox.len();
        self.outbox.retain(|other| other.id != entry);
        self.outbox_at = self.outbox.first().map(|entry| entry.at);
        let there = self.outbox.len() < before;
        if there {
            self.overdue_at = self.overdue_at.map(|at| at.max(now));
        }
        there
    }

    fn still_queued(&mut self, job: &str, times: &Times, pauses: &Pauses, now: Timestamp) -> Again {
        if self.current_job().is_none_or(|(_, current)| current != job) {
            return Again::MovedOn;
        }
        let waited = now.since(self.created_at).saturating_sub(pauses.between(self.created_at, now));
        if waited >= self.template.life() {
            self.end(State::Failed, Some("its job did not run in time".to_owned()), now);
            return Again::GivenUp;
        }
        let next = now.since(self.dispatched_at).clamp(times.grace, LONGEST_POLL.max(times.grace));
        self.overdue_at = Some(now + (next - times.grace));
        Again::Waiting
    }

    fn job_lost(&mut self, job: &str, blameless: bool, now: Timestamp) -> Again {
        if self.current_job().is_none_or(|(_, current)| current != job) {
            return Again::MovedOn;
        }
        if self.lost >= MOST_TRIES && !blameless {
            self.end(State::Failed, Some("its jobs came to nothing".to_owned()), now);
            return Again::GivenUp;
        }
        self.lost += u32::from(!blameless);
        self.dispatch(now);
        Again::Dispatched
    }
}

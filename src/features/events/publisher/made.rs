//! The events of documents that are no orders: lines of the audit log, holds, operations, addresses given up.

use serde_json::Map;

use crate::{
    base::timestamp::Timestamp,
    features::{
        audit::{AuditLine, Outcome},
        events::{NewEvent, Public, shown},
        operations::model::Operation,
        provider_accounts::Account,
        webhooks::Endpoint,
    },
    platform::store::Document,
};

/// The line itself, and what it was done to, for whoever looks at that.
pub(super) fn actions(line: &AuditLine) -> Vec<NewEvent> {
    let mut data = Map::new();
    for (name, value) in [
        ("action", line.action.as_str()),
        ("actor", line.actor.name.as_str()),
        ("target", line.subject.id.as_str()),
        ("outcome", line.outcome.as_str()),
    ] {
        data.insert(name.to_owned(), value.into());
    }
    let event = |no, kind: String| NewEvent {
        at: line.ended_at.unwrap_or(line.at),
        kind,
        subject: line.id.clone(),
        no,
        merchant: line.user_id.clone(),
        public: None,
        data: data.clone(),
    };
    let mut all = vec![event(1, format!("audit.{}", line.outcome.as_str()))];
    let domain = line.action.split('.').next().unwrap_or_default();
    if line.outcome == Outcome::Done && matches!(domain, "queue" | "job") {
        let mut about = event(2, line.action.clone());
        let (queue, job) = line.subject.id.split_once('/').unwrap_or((&line.subject.id, ""));
        about.data.insert("queue".to_owned(), queue.into());
        if domain == "job" {
            about.data.insert("jobId".to_owned(), job.into());
        }
        all.push(about);
    }
    all
}

pub(super) fn hold(account: &Account, now: Timestamp) -> NewEvent {
    let (kind, data) = match &account.hold {
        Some(hold) => ("account.held", Map::from_iter([("kind".to_owned(), hold.kind.as_str().into())])),
        None => ("account.free", Map::new()),
    };
    NewEvent {
        at: now,
        kind: kind.to_owned(),
        subject: account.id.clone(),
        no: Document::version(account),
        merchant: None,
        public: None,
        data,
    }
}

pub(super) fn progress(operation: &Operation, now: Timestamp) -> NewEvent {
    let state = serde_json::to_value(operation.state).unwrap_or_default();
    let numbers = [("total", operation.total), ("done", operation.done), ("refused", operation.refused)];
    let mut data: Map<_, _> = numbers.into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect();
    data.insert("failed".to_owned(), operation.failed.into());
    NewEvent {
        at: now,
        kind: format!("operation.{}", state.as_str().unwrap_or("changed")),
        subject: operation.id.clone(),
        no: operation.version,
        merchant: None,
        public: None,
        data,
    }
}

pub(super) fn given_up(endpoint: &Endpoint) -> NewEvent {
    let kind = shown::EventType::EndpointDisabled.as_str().to_owned();
    let reason = endpoint.disabled_reason.as_deref().unwrap_or_default();
    NewEvent {
        at: endpoint.disabled_at.unwrap_or(endpoint.updated_at),
        kind: kind.clone(),
        subject: endpoint.id.clone(),
        no: endpoint.times_disabled,
        merchant: Some(endpoint.merchant.clone()),
        public: Some(Public { merchant: endpoint.merchant.clone(), kind }),
        data: Map::from_iter([("reason".to_owned(), reason.into())]),
    }
}

//! Who acts, and why.
//!
//! Guards against an action that nobody answers for: without a name and a reason there is no
//! [`AuditContext`]. And against texts that do something to the terminal that shows them.

use serde::{Deserialize, Serialize};

/// Longest name of an actor, in characters.
const LONGEST_NAME: usize = 100;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// The interface that an action came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    Cli,
    Http,
}

/// The actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub name: String,
    pub via: Via,
}

/// The actor of an action and the reason: no action is taken without both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditContext {
    pub(super) who: Who,
    pub(super) reason: String,
    pub(super) origin: Origin,
}

/// What else is known of the actor, of one who is signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The session's name, which opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The name or the reason is empty, too long, or has control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditContextError {
    #[error("the actor must be a name of 1 to {LONGEST_NAME} characters, without control characters")]
    Name,
    #[error("the reason must be a text of 1 to {LONGEST_REASON} characters, without control characters")]
    Reason,
}

impl Origin {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AuditContext {
    /// # Errors
    /// [`AuditContextError`].
    pub fn new(name: &str, via: Via, reason: &str) -> Result<Self, AuditContextError> {
        let valid = |text: &str, longest| {
            (1..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        let (name, reason) = (name.trim(), reason.trim());
        if !valid(name, LONGEST_NAME) {
            return Err(AuditContextError::Name);
        }
        if !valid(reason, LONGEST_REASON) {
            return Err(AuditContextError::Reason);
        }
        Ok(Self {
            who: Who { name: name.to_owned(), via },
            reason: reason.to_owned(),
            origin: Origin::default(),
        })
    }

    /// The same actor, of whom more is known.
    #[must_use]
    pub fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    #[must_use]
    pub fn actor(&self) -> &str {
        &self.who.name
    }

    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_reason_are_required() {
        let sign = |name: &str, reason: &str| AuditContext::new(name, Via::Cli, reason);
        assert_eq!(sign(" asha ", " the panel shows it ").unwrap().reason(), "the panel shows it");
        let long = "x".repeat(501);
        for (name, reason, error) in [
            ("", "why", AuditContextError::Name),
            ("  ", "why", AuditContextError::Name),
            ("a\nb", "why", AuditContextError::Name),
            (&long, "why", AuditContextError::Name),
            ("asha", "", AuditContextError::Reason),
            ("asha", " \t ", AuditContextError::Reason),
            ("asha", "a\u{1b}[2Jb", AuditContextError::Reason),
            ("asha", &long, AuditContextError::Reason),
        ] {
            assert_eq!(sign(name, reason), Err(error), "{name:?} {reason:?}");
        }
    }
}

//! What a failed operation of the driver means.
//!
//! Guards against values in errors (the server quotes the document of a duplicate key, the driver the URL),
//! and against a write that may have been done being told as failed.

use mongodb::error::{
    Error, ErrorKind, InsertManyError, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteError,
    WriteFailure,
};

use crate::platform::store::StoreError;

/// What a unique index is called while its successor of the same name is built.
pub(super) const NEXT: &str = ".next";

const DUPLICATE_KEY: i32 = 11000;
const UNAUTHORIZED: i32 = 13;

/// The server's codes for what passes: interrupted, no longer primary, shutting down, too late, conflicting.
const PASSING: &[i32] = &[
    6, 7, 24, 46, 50, 64, 79, 89, 91, 112, 117, 134, 175, 189, 202, 244, 246, 251, 262, 290, 365, 9001,
    10058, 10107, 11600, 11601, 11602, 13435, 13436,
];

/// Why an operation did not come to a good end.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Another document has the same values in the index: `id` or the declared name.
    Duplicate(String),
    /// It may have been done or not.
    Unknown(String),
    /// It was not done, and may be tried again.
    NotDone(String),
    /// It will fail again.
    Fault(String),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Duplicate(index) => Self::Conflict { index },
            Failure::Unknown(why) | Failure::NotDone(why) => Self::Unavailable(why),
            Failure::Fault(why) => Self::Fault(why),
        }
    }
}

/// `place` is the host and the database.
pub(super) fn meaning(place: &str, error: &Error) -> Failure {
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(WriteError { code, message, .. })) => {
            of_write(place, *code, message)
        }
        ErrorKind::InsertMany(InsertManyError { write_errors: Some(errors), .. }) => match errors.first() {
            Some(refused) => of_write(place, refused.code, &refused.message),
            None => Failure::Unknown(format!("{place}: the driver failed")),
        },
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => {
            Failure::Unknown(format!("{place}: the write is not yet safe (code {})", concern.code))
        }
        ErrorKind::Command(command) if command.code == DUPLICATE_KEY => {
            of_write(place, command.code, &command.message)
        }
        ErrorKind::Command(command) => {
            let told = format!("{place}: code {} {}", command.code, command.code_name);
            if PASSING.contains(&command.code)
                || error.contains_label(RETRYABLE_WRITE_ERROR)
                || error.contains_label(TRANSIENT_TRANSACTION_ERROR)
            {
                Failure::Unknown(told)
            } else if command.code == UNAUTHORIZED {
                Failure::Fault(format!("{told}: the user lacks a role, see docs/operations.md"))
            } else {
                Failure::Fault(told)
            }
        }
        ErrorKind::ServerSelection { message, .. } => Failure::NotDone(no_server(place, message)),
        ErrorKind::Authentication { .. } => {
            Failure::NotDone(format!("{place}: the user's name or password is refused"))
        }
        ErrorKind::Io(error) => Failure::Unknown(format!("{place}: {}", error.kind())),
        ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::InvalidResponse { .. } => {
            Failure::Unknown(format!("{place}: the connection was lost"))
        }
        ErrorKind::Shutdown => Failure::NotDone(format!("{place}: this process has closed its connections")),
        ErrorKind::DnsResolve { .. } => Failure::NotDone(format!("{place}: its name cannot be resolved")),
        ErrorKind::InvalidTlsConfig { .. } => Failure::NotDone(format!("{place}: the TLS files do not work")),
        ErrorKind::Bson(_) => Failure::Fault(format!("{place}: what was sent or received is no sound BSON")),
        ErrorKind::InvalidArgument { .. } => {
            Failure::Fault(format!("{place}: the driver refuses to send it"))
        }
        _ => Failure::Unknown(format!("{place}: the driver failed")),
    }
}

/// Of one write, alone or among many.
pub(super) fn of_write(place: &str, code: i32, message: &str) -> Failure {
    match code {
        DUPLICATE_KEY => Failure::Duplicate(index(message)),
        code if PASSING.contains(&code) => Failure::Unknown(format!("{place}: code {code}")),
        code => Failure::Fault(format!("{place}: the write was refused with code {code}")),
    }
}

/// The name is told in the text alone: `… index: awb dup key: { awb: "…" }`.
fn index(message: &str) -> String {
    let name = message.split_once(" index: ").map_or(message, |(_, rest)| rest);
    let name = name.split_once(" dup key").map_or("?", |(name, _)| name);
    if name == "_id_" { "id".to_owned() } else { name.strip_suffix(NEXT).unwrap_or(name).to_owned() }
}

/// Of the driver's long description only what the connection said.
fn no_server(place: &str, message: &str) -> String {
    const KINDS: [(&str, &str); 6] = [
        ("Connection refused", "the connection is refused"),
        ("certificate", "its TLS certificate is not trusted"),
        ("SCRAM failure", "the user's name or password is refused"),
        ("timed out", "it does not answer"),
        ("failed to lookup", "its name cannot be resolved"),
        ("ReplicaSetNoPrimary", "the set has no primary"),
    ];
    let why = KINDS.iter().find(|(said, _)| message.contains(said));
    let why = why.map_or("no primary of this set answers", |(_, why)| why);
    format!("{place}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_names_the_index_alone() {
        let told = |name: &str| {
            let text = format!(
                "E11000 duplicate key error collection: w.orders index: {name} dup key: {{ awb: \"98\" }}"
            );
            match of_write("h/w", 11000, &text) {
                Failure::Duplicate(index) => index,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told("awb"), "awb");
        assert_eq!(told("_id_"), "id");
        assert_eq!(told("awb.next"), "awb");
    }

    #[test]
    fn what_passes_may_have_been_done() {
        assert!(matches!(of_write("h/w", 91, "text"), Failure::Unknown(_)));
        let Failure::Fault(told) = of_write("h/w", 10334, "with 9876543210") else { panic!() };
        assert!(!told.contains("98765"));
    }
}

//! What Redis answers, taken apart.

use bytes::Bytes;
use fred::types::Value;

use crate::platform::queue::QueueError;

/// An answer. Texts are bytes: not all that is in a queue need be ours.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Nothing,
    Number(i64),
    Text(Bytes),
    List(Vec<Self>),
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Boolean(yes) => Self::Number(i64::from(yes)),
            Value::Integer(n) => Self::Number(n),
            Value::Double(n) => Self::Text(Bytes::from(n.to_string())),
            Value::String(text) => Self::Text(text.inner().clone()),
            Value::Bytes(bytes) => Self::Text(bytes),
            Value::Array(values) => Self::List(values.into_iter().map(Self::from).collect()),
            Value::Map(map) => Self::List(
                map.inner()
                    .into_iter()
                    .flat_map(|(key, value)| [Self::Text(key.into_bytes()), Self::from(value)])
                    .collect(),
            ),
            Value::Null | Value::Queued => Self::Nothing,
        }
    }
}

impl Reply {
    /// Empty for what is no list.
    pub(super) fn list(self) -> Vec<Self> {
        match self {
            Self::List(list) => list,
            _ => Vec::new(),
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::Number(n) => Some(n.to_string()),
            Self::Nothing | Self::List(_) => None,
        }
    }

    /// A number, also one that is written as a text.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
            Self::Nothing | Self::List(_) => None,
        }
    }

    /// Whether it is 1.
    pub(super) fn yes(&self) -> bool {
        self.number() == Some(1)
    }

    pub(super) fn texts(self) -> Vec<String> {
        self.list().iter().filter_map(Self::text).collect()
    }

    /// The parts of a list that has as many.
    ///
    /// # Errors
    /// [`QueueError::Fault`]: it is none of what our scripts give.
    pub(super) fn parts<const N: usize>(self) -> Result<[Self; N], QueueError> {
        <[Self; N]>::try_from(self.list())
            .map_err(|_| QueueError::Fault("Redis answered what no script of ours does".to_owned()))
    }
}

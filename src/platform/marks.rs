//! Times that several processes push on together, such as when a client's requests are made good.

use async_trait::async_trait;

/// What they share them by.
#[async_trait]
pub trait Marks: Send + Sync + std::fmt::Debug {
    /// Pushes each mark on by so many microseconds: from where it stands, or from `now` (microseconds since
    /// 1970) if that is later, and never beyond `now + window`. One that time has passed is forgotten. Gives
    /// where they stand then, in order.
    ///
    /// # Errors
    /// When the server does not answer; then it is not known which of them were pushed.
    async fn push(&self, now: i64, window: i64, pushes: &[(String, i64)]) -> Result<Vec<i64>, MarksError>;
}

/// Why no mark was pushed, or it is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MarksError(pub String);

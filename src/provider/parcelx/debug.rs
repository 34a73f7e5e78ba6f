//! `{:?}` of what holds payloads: an allow-list, as in [`super::redact`], of what names nobody and gives no
//! secret away.

use std::fmt;

use super::{
    answer::Body,
    records::{End, RequestLog},
};

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(…)",
            Self::Text(_) => "Text(…)",
        })
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .field("order_id", &self.order_id)
            .field("attempt", &self.attempt)
            .field("sent_at", &self.sent_at)
            .field("never_sent", &self.never_sent)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("status_code", &self.status_code)
            .field("success", &self.success)
            .field("error_code", &self.error_code)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

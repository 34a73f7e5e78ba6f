//! Bodies and queries of the routes, of both sides.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::model::{NewMessage, Side};
use crate::features::orders::text::{Code, Lines, Text};

pub const DEFAULT_LIMIT: usize = 50;
const MOST: usize = 200;

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "text": "The parcel has not been picked up yet.", "clientMessageId": "7a1c" }))]
pub struct PostMessage {
    /// Plain text; blanks around it are cut off.
    #[validate(nested)]
    #[schema(inline, value_type = Lines<1, 2000>)]
    pub text: Lines<1, 2000>,
    /// Your own id of the message: sent again under the same one, it is kept once.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Code<1, 64>>)]
    pub client_message_id: Option<Code<1, 64>>,
}

impl PostMessage {
    /// The message, with one kind of line ends.
    #[must_use]
    pub fn by(self, from: Side, author: &str) -> NewMessage {
        NewMessage {
            from,
            author: author.to_owned(),
            text: self.text.into_inner().replace("\r\n", "\n"),
            client_id: self.client_message_id.map(Code::into_inner),
        }
    }
}

#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "messageId": "msg_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d" }))]
pub struct MarkRead {
    /// The last message that you have read.
    #[validate(nested)]
    #[schema(inline, value_type = Text<1, 100>)]
    pub message_id: Text<1, 100>,
}

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MessagesQuery {
    /// The id of a message: those behind it. Absent: from the first one on.
    pub cursor: Option<String>,
    /// How many at most; 50 when absent.
    #[validate(range(min = 1, max = MOST))]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

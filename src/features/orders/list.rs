//! The query of `GET /v1/orders` and its cursor.
//!
//! A cursor is opaque and bound to the merchant and the filters it was made for: with others, or changed, it
//! is refused and nothing is looked up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use validator::Validate;

use super::{
    service::Filter,
    status::{OrderStatus, SyncStatus},
};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        http::extract::Whole,
        store::{Cursor, Key},
    },
};

pub const DEFAULT_LIMIT: usize = 20;

#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListQuery {
    pub client_order_id: Option<String>,
    /// Our number of the order, `ORD-…`.
    pub order_number: Option<String>,
    /// The courier's number of the shipment.
    pub awb: Option<String>,
    pub status: Option<OrderStatus>,
    pub provider_sync_status: Option<SyncStatus>,
    /// Made at this time or later.
    #[param(inline)]
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    #[param(inline)]
    pub created_before: Option<Timestamp>,
    /// How many at most; 20 when absent.
    #[validate(nested)]
    #[param(inline)]
    pub limit: Option<Whole<1, 100>>,
    /// `nextCursor` of the page before, with the same filters; empty: the first page.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// How many orders a page has at most.
    #[must_use]
    pub fn page(&self) -> usize {
        let given = self.limit.and_then(|limit| usize::try_from(limit.get()).ok());
        given.unwrap_or(DEFAULT_LIMIT)
    }

    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            client_order_id: self.client_order_id.clone(),
            order_number: self.order_number.clone(),
            awb: self.awb.clone(),
            status: self.status,
            provider_sync_status: self.provider_sync_status,
            created_after: self.created_after,
            created_before: self.created_before,
        }
    }

    /// Where the page starts; nothing when the cursor is not one of ours for this query.
    #[must_use]
    pub fn read_cursor(&self, user_id: &str) -> Option<Option<Cursor>> {
        let Some(text) = self.cursor.as_deref().filter(|text| !text.is_empty()) else { return Some(None) };
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (rest, seal) = plain.rsplit_once('.')?;
        let (ms, id) = rest.split_once('.')?;
        if seal != self.seal(user_id, rest) {
            return None;
        }
        let key = Key::Time(Timestamp::from_millis(ms.parse().ok()?));
        Some(Some(Cursor { key, id: id.to_owned() }))
    }

    /// The text of `next`; nothing when it is none of this query's.
    #[must_use]
    pub fn write_cursor(&self, user_id: &str, next: &Cursor) -> Option<String> {
        let Key::Time(at) = next.key else { return None };
        let rest = format!("{}.{}", at.as_millis(), next.id);
        Some(URL_SAFE_NO_PAD.encode(format!("{rest}.{}", self.seal(user_id, &rest))))
    }

    fn seal(&self, user_id: &str, rest: &str) -> String {
        let bound = (
            user_id,
            &self.client_order_id,
            (&self.order_number, &self.awb),
            self.status,
            self.provider_sync_status,
            self.created_after,
            self.created_before,
            rest,
        );
        let text = format!("{bound:?}");
        Sha256::digest(text.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

//! The query of `GET /v1/orders` and its cursor.
//!
//! A cursor is opaque and bound to the merchant and the filters it was made for: with others, or changed, it
//! is refused and nothing is looked up.

use std::fmt::Debug;

use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::{
    service::Filter,
    status::{OrderStatus, SyncStatus},
};
use crate::{
    base::timestamp::Timestamp,
    platform::{
        http::{cursor::Cursors, extract::Whole},
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
    pub fn read_cursor(&self, cursors: &Cursors, user_id: &str) -> Option<Option<Cursor>> {
        let Some(text) = self.cursor.as_deref().filter(|text| !text.is_empty()) else { return Some(None) };
        let place = cursors.read(&self.bound(user_id), text).ok()?;
        let (ms, id) = place.split_once('.')?;
        let key = Key::Time(Timestamp::from_millis(ms.parse().ok()?));
        Some(Some(Cursor { key, id: id.to_owned() }))
    }

    /// The text of `next`; nothing when it is none of this query's.
    #[must_use]
    pub fn write_cursor(&self, cursors: &Cursors, user_id: &str, next: &Cursor) -> Option<String> {
        let Key::Time(at) = next.key else { return None };
        Some(cursors.write(&self.bound(user_id), &format!("{}.{}", at.as_millis(), next.id)))
    }

    /// What a cursor is good for.
    fn bound(&self, user_id: &str) -> impl Debug {
        (
            ("orders of", user_id),
            &self.client_order_id,
            (&self.order_number, &self.awb),
            self.status,
            self.provider_sync_status,
            self.created_after,
            self.created_before,
        )
    }
}

//! What the jobs of orders carry. Existing producers send the same fields, but for `generation`.

use serde::{Deserialize, Serialize};

use super::model::Order;
use crate::queue::job::Payload;

/// Books an order with the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrderJob {
    pub order_id: String,
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// Absent in jobs of other producers, which count as current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl Payload for CreateOrderJob {
    const NAME: &'static str = "create-order";
    const QUEUE: &'static str = "parcelx-orders-queue";
}

impl From<&Order> for CreateOrderJob {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id.clone(),
            user_id: order.user_id.clone(),
            client_order_id: order.client_order_id.clone(),
            generation: Some(order.generation),
        }
    }
}

/// Cancels what of an order is booked and should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOrderJob {
    pub order_id: String,
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// The merchant's words, in jobs of other producers. Ours keep them in the order: boards show jobs to people who need not know whom
    /// an order is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<String>,
    /// Absent in jobs of other producers, which count as current and as the merchant's wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl Payload for CancelOrderJob {
    const NAME: &'static str = "cancel-order";
    const QUEUE: &'static str = "parcelx-order-cancellation-queue";
}

impl From<&Order> for CancelOrderJob {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id.clone(),
            user_id: order.user_id.clone(),
            client_order_id: order.client_order_id.clone(),
            cancellation_reason: None,
            generation: Some(order.generation),
        }
    }
}

/// Fetches the label of a booked order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchLabelJob {
    pub order_id: String,
    pub user_id: String,
    /// Which of the order's wishes it is for; see [`super::model::Label`].
    pub wish: u32,
}

impl Payload for FetchLabelJob {
    const NAME: &'static str = "fetch-label";
    const QUEUE: &'static str = "parcelx-labels-queue";
}

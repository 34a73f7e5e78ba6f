//! Where webhooks come from, for the firewalls of merchants.

use axum::{extract::State, response::Response};

use super::TAG;
use crate::{
    features::webhooks::{
        Webhooks, examples,
        views::{SourceAddresses, SourceAddressesResponse},
    },
    platform::{auth::Merchant, http::answer},
};

/// List the addresses that webhooks come from
///
/// For a firewall that lets in these alone. They say nothing of who sends: verify the signature all the same.
/// Ask again now and then, as they may change.
#[utoipa::path(get, path = "/v1/webhook-source-addresses", tag = TAG,
    operation_id = "listWebhookSourceAddresses",
    responses((status = 200, description = "All of them", body = SourceAddressesResponse,
        example = json!(examples::source_addresses()))))]
pub(super) async fn list_source_addresses(State(webhooks): State<Webhooks>, _: Merchant) -> Response {
    let data = SourceAddresses { addresses: webhooks.sources().to_vec() };
    answer::ok(&SourceAddressesResponse { success: true, data })
}

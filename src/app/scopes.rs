//! Each route of merchants, and what it needs of its caller. A route that is not here is answered to nobody,
//! and a test fails.

use crate::features::merchants::scope::{Needs, Row, Scope};

const fn row(method: &'static str, path: &'static str, scope: Scope) -> Row {
    Row { method, path, needs: Needs::Scope(scope), books: false }
}

/// A route that leads to a booking.
const fn books(method: &'static str, path: &'static str) -> Row {
    Row { method, path, needs: Needs::Scope(Scope::OrdersWrite), books: true }
}

const fn person(method: &'static str, path: &'static str) -> Row {
    Row { method, path, needs: Needs::Person, books: false }
}

/// The table. A new route is a line here.
pub const SCOPES: &[Row] = &[
    books("POST", "/orders/create"),
    books("POST", "/v1/orders"),
    row("GET", "/v1/orders", Scope::OrdersRead),
    row("GET", "/v1/orders/{id}", Scope::OrdersRead),
    row("GET", "/v1/orders/{id}/provider-logs", Scope::OrdersRead),
    row("POST", "/orders/cancel", Scope::OrdersWrite),
    row("POST", "/v1/orders/{id}/cancel", Scope::OrdersWrite),
    books("POST", "/v1/orders/{id}/amend"),
    row("GET", "/v1/orders/{id}/label", Scope::Labels),
    row("GET", "/v1/orders/{id}/messages", Scope::OrdersRead),
    row("POST", "/v1/orders/{id}/messages", Scope::OrdersWrite),
    // A mark counts for the whole shop: who may only look must not take a message from those who answer.
    row("PUT", "/v1/orders/{id}/messages/read", Scope::OrdersWrite),
    row("POST", "/v1/orders/{id}/messages/typing", Scope::OrdersWrite),
    row("GET", "/v1/orders/{id}/events", Scope::Events),
    row("GET", "/v1/events", Scope::Events),
    row("GET", "/v1/events/stream", Scope::Events),
    row("GET", "/ws/orders/{id}", Scope::Events),
    row("POST", "/v1/stream-tickets", Scope::Events),
    row("GET", "/v1/webhook-endpoints", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints", Scope::Webhooks),
    row("GET", "/v1/webhook-endpoints/{id}", Scope::Webhooks),
    row("PATCH", "/v1/webhook-endpoints/{id}", Scope::Webhooks),
    row("DELETE", "/v1/webhook-endpoints/{id}", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints/{id}/rotate-secret", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints/{id}/test", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints/{id}/pause", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints/{id}/resume", Scope::Webhooks),
    row("POST", "/v1/webhook-endpoints/{id}/replay", Scope::Webhooks),
    row("GET", "/v1/webhook-endpoints/{id}/deliveries", Scope::Webhooks),
    row("GET", "/v1/webhook-deliveries/{id}", Scope::Webhooks),
    row("POST", "/v1/webhook-deliveries/{id}/resend", Scope::Webhooks),
    row("GET", "/v1/webhook-source-addresses", Scope::Webhooks),
    row("GET", "/v1/api-keys", Scope::Keys),
    row("POST", "/v1/api-keys", Scope::Keys),
    row("DELETE", "/v1/api-keys/{id}", Scope::Keys),
    row("POST", "/v1/api-keys/{id}/rotate", Scope::Keys),
    row("GET", "/v1/members", Scope::Members),
    row("PATCH", "/v1/members/{id}", Scope::Members),
    row("DELETE", "/v1/members/{id}", Scope::Members),
    row("GET", "/v1/members/invitations", Scope::Members),
    row("POST", "/v1/members/invitations", Scope::Members),
    row("DELETE", "/v1/members/invitations/{id}", Scope::Members),
    row("GET", "/v1/kyc", Scope::KycRead),
    row("PUT", "/v1/kyc", Scope::KycWrite),
    row("POST", "/v1/kyc/submit", Scope::KycWrite),
    row("GET", "/v1/kyc/documents/{kind}", Scope::KycWrite),
    row("PUT", "/v1/kyc/documents/{kind}", Scope::KycWrite),
    row("DELETE", "/v1/kyc/documents/{kind}", Scope::KycWrite),
    person("GET", "/v1/me"),
    person("PATCH", "/v1/me"),
    person("POST", "/v1/me/totp"),
    person("DELETE", "/v1/me/totp"),
    person("POST", "/v1/me/totp/confirm"),
    person("PUT", "/v1/me/phone"),
    person("DELETE", "/v1/me/phone"),
    person("POST", "/v1/me/phone/confirm"),
    person("GET", "/v1/me/notification-preferences"),
    person("PUT", "/v1/me/notification-preferences"),
    person("GET", "/v1/notifications"),
    person("PUT", "/v1/notifications/{id}/read"),
    person("POST", "/v1/notifications/read-all"),
    person("POST", "/auth/logout"),
    person("POST", "/auth/logout-all"),
    person("POST", "/auth/change-password"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A route that is open to everybody says so itself (`security(())`).
    #[test]
    fn every_route_of_merchants_has_one_row_and_every_row_a_route() {
        let document = serde_json::to_value(super::super::document()).unwrap();
        let mut routes = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation["security"] != serde_json::json!([{}]) {
                    routes.insert((method.to_uppercase(), path.clone()));
                }
            }
        }
        let rows: Vec<_> = SCOPES.iter().map(|r| (r.method.to_owned(), r.path.to_owned())).collect();
        let set: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(set.len(), rows.len(), "a row comes twice");
        let missing: Vec<_> = routes.difference(&set).collect();
        assert!(missing.is_empty(), "routes without a row in SCOPES: {missing:?}");
        let left: Vec<_> = set.difference(&routes).collect();
        assert!(left.is_empty(), "rows without a route: {left:?}");
    }
}

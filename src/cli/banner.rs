//! What a program says when it has started: one screen.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;

use crate::{app::App, auth::Role, config::Config, ids, orders::model::ProviderEnv};

const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn all_in_one(app: &App, address: SocketAddr) -> anyhow::Result<String> {
    let url = format!("http://{address}");
    let (what, provider) = match app.env {
        ProviderEnv::Simulator => {
            ("API, worker and ParcelX simulator", format!("{url}/simulator/_sim   what it booked, how to make it fail"))
        }
        ProviderEnv::Live => ("API and worker", "ParcelX itself: orders cost money".to_owned()),
    };
    let mut text = format!(
        "Waybill {VERSION}: {what} in one process\n\n  \
         API        {url}\n  Docs       {url}/docs\n  Health     {url}/readyz, {url}/metrics\n  ParcelX    {provider}\n  \
         Data       {}, {}\n",
        app.config.store.url, app.config.queue.url
    );
    // A token is printed where whoever can read the screen can read the key beside the database, too.
    if app.config.is_local() {
        let token = app.state.tokens.issue("demo", Role::Merchant, TOKEN_LIFE)?;
        text += &format!("\nBearer token of merchant `demo`, good for 30 days:\n{token}\n\nCreate an order:\n{}\n", curl(&url, &token));
    }
    text += "\nCtrl-C stops.";
    Ok(text)
}

pub(super) fn api(address: SocketAddr) -> String {
    format!("Waybill {VERSION}: API on http://{address}, docs on http://{address}/docs")
}

pub(super) fn worker(config: &Config) -> String {
    format!("Waybill {VERSION}: worker on {}, {} jobs per queue at the same time", config.queue.url, config.queue.concurrency)
}

/// One line, to be pasted as it is. Each start has its own `clientOrderId`, so that the first paste creates and the second replays.
fn curl(url: &str, token: &str) -> String {
    let id = ids::order_number();
    let body = json!({
        "clientOrderId": format!("SHOP-{}", id.trim_start_matches("ORD-")),
        "invoiceNumber": "INV-1001", "paymentMethod": "COD", "expressType": "surface", "pickAddressId": "10001",
        "consignee": { "name": "Asha Example", "mobile": "9000000001", "pincode": "560001", "address1": "12 Sample Street",
                       "city": "Bengaluru", "state": "Karnataka" },
        "items": [{ "sku": "MUG-7", "name": "Blue mug", "quantity": 2, "unitPrice": 374.5 }],
        "charges": { "orderAmount": 749, "codAmount": 749 },
        "shipment": { "width": [10], "height": [10], "length": [15], "weight": [0.5] }
    });
    format!("curl -sS {url}/orders/create -H 'authorization: Bearer {token}' -H 'content-type: application/json' -d '{body}'")
}

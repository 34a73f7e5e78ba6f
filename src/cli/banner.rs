//! What a program says when it has started: one screen.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::{
    app::App,
    base::ids,
    platform::{auth::Role, config::Config},
    provider::carrier::ProviderEnv,
};

const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn all_in_one(app: &App, address: SocketAddr) -> anyhow::Result<String> {
    let url = url(address);
    let (what, provider) = match app.env {
        ProviderEnv::Simulator => {
            ("API, worker and ParcelX simulator", format!("simulated, see {url}/simulator/_sim"))
        }
        ProviderEnv::Live => ("API and worker", "the real one: orders cost money".to_owned()),
    };
    let (orders, jobs) = (path(&app.config.store.url), path(&app.config.queue.url));
    let mut text = format!(
        "Waybill {VERSION}: {what}. Ctrl-C stops it.\n  \
         API      {url}, documented on {url}/docs\n  \
         Health   {url}/readyz, {url}/metrics\n  \
         ParcelX  {provider}\n  Data     {orders}, {jobs}\n"
    );
    // A token is printed where whoever can read the screen can read the key beside the database, too.
    if app.config.is_local() && app.env == ProviderEnv::Simulator {
        let token = app.state.tokens.issue("demo", Role::Merchant, TOKEN_LIFE)?;
        text += &format!(
            "\nToken of merchant `demo`, good for 30 days (`waybill token` makes others):\n{token}\n"
        );
        text += &format!("\nCreate an order; paste this line as it is:\n{}", curl(&url, &token));
    }
    Ok(text.trim_end().to_owned())
}

pub(super) fn api(address: SocketAddr) -> String {
    let url = url(address);
    format!(
        "Waybill {VERSION}: API on {url}, docs on {url}/docs. `waybill token --user ID` makes tokens, `worker` books the orders."
    )
}

pub(super) fn worker(config: &Config) -> String {
    let (queue, jobs) = (path(&config.queue.url), config.queue.concurrency);
    format!("Waybill {VERSION}: worker on {queue}, {jobs} jobs per queue at the same time")
}

/// An address that can be asked: `0.0.0.0` is none.
fn url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

fn path(url: &str) -> &str {
    url.strip_prefix("sqlite:").unwrap_or(url)
}

/// One line, to be pasted as it is. Each start has its own `clientOrderId`, so that the first paste creates
/// and the second replays. Only what an order must have: the line is long enough.
fn curl(url: &str, token: &str) -> String {
    let number = ids::order_number();
    let id = number.trim_start_matches("ORD-");
    let body = format!(
        concat!(
            r#"{{"clientOrderId":"SHOP-{id}","invoiceNumber":"INV-1","paymentMethod":"COD","expressType":"surface","pickAddressId":"10001","#,
            r#""consignee":{{"name":"Asha Example","mobile":"9000000001","pincode":"560001","address1":"12 Sample Street","#,
            r#""city":"Bengaluru","state":"Karnataka"}},"items":[{{"sku":"MUG-7","name":"Blue mug","quantity":2,"unitPrice":374.5}}],"#,
            r#""charges":{{"orderAmount":749,"codAmount":749}},"shipment":{{"width":[10],"height":[10],"length":[15],"weight":[0.5]}}}}"#,
        ),
        id = id
    );
    format!(
        "curl -sS -w '\\n' {url}/orders/create -H 'authorization: Bearer {token}' -H 'content-type: application/json' -d '{body}'"
    )
}

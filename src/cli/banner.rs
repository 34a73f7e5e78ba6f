//! The text that a program prints when it has started.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use url::Url;

use super::open::place as path;
use crate::{app::App, base::ids, platform::config::Config, provider::carrier::ProviderEnv};

const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `admin`: where the dashboard is.
/// `addresses` are those of the API and of the dashboard; `login` says where the first password is.
pub(super) fn all_in_one(
    app: &App,
    addresses: (SocketAddr, SocketAddr),
    login: Option<&str>,
) -> anyhow::Result<String> {
    let (url, admin) = (url(addresses.0), url(addresses.1));
    let login = login.map(|place| format!(" (first login: {place})")).unwrap_or_default();
    let (what, provider) = match app.env {
        ProviderEnv::Simulator => {
            ("API, worker and ParcelX simulator", format!("simulated, see {url}/simulator/_sim"))
        }
        ProviderEnv::Live => ("API and worker", "the real one: orders cost money".to_owned()),
    };
    let orders = app.store.place().map_or_else(|| path(&app.config.store.url), str::to_owned);
    let jobs = path(&app.config.queue.url);
    let mut text = format!(
        "Waybill {VERSION}: {what}. Ctrl-C stops it.\n  \
         API      {url}, documented on {url}/docs\n  \
         Admin    {admin}/admin{login}\n  \
         Health   {url}/readyz, {url}/metrics\n  \
         ParcelX  {provider}\n  Data     {orders}, {jobs}\n"
    );
    // Only on a local installation: someone who reads the screen can also read the signing secret.
    if app.config.may_simulate() && app.env == ProviderEnv::Simulator {
        let token = app.state.tokens.issue("demo", TOKEN_LIFE)?;
        text += &format!(
            "\nToken of merchant `demo`, valid for 30 days (`waybill token` makes others):\n{token}\n"
        );
        text += &format!("To create an order, paste this line:\n{}", curl(&url, &token));
    }
    Ok(text.trim_end().to_owned())
}

pub(super) fn api(address: SocketAddr) -> String {
    let url = url(address);
    format!(
        "Waybill {VERSION}: API on {url}, docs on {url}/docs. `waybill token --user ID` makes tokens, \
         `worker` books the orders."
    )
}

pub(super) fn worker(config: &Config, provider: &Url) -> String {
    let (queue, jobs) = (path(&config.queue.url), config.queue.concurrency);
    format!(
        "Waybill {VERSION}: worker on {queue}, {jobs} jobs per queue at the same time, for the real ParcelX \
         at {provider}"
    )
}

/// An address that clients can use: not `0.0.0.0`.
fn url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// One line to paste, with only the required fields. Each start uses a new `clientOrderId`, so the first
/// paste creates an order and the second one replays it.
fn curl(url: &str, token: &str) -> String {
    let body = format!(
        concat!(
            r#"{{"clientOrderId":"SHOP-{id}","invoiceNumber":"INV-1","paymentMethod":"COD","#,
            r#""expressType":"surface","pickAddressId":"10001","consignee":{{"name":"Asha Example","#,
            r#""mobile":"9000000001","pincode":"560001","address1":"12 Sample Street","city":"Bengaluru","#,
            r#""state":"Karnataka"}},"items":[{{"sku":"MUG-7","name":"Blue mug","quantity":2,"#,
            r#""unitPrice":374.5}}],"charges":{{"orderAmount":749,"codAmount":749}},"shipment":"#,
            r#"{{"width":[10],"height":[10],"length":[15],"weight":[0.5]}}}}"#,
        ),
        id = ids::order_number().trim_start_matches("ORD-")
    );
    format!(
        "curl -sS -w '\\n' {url}/orders/create -H 'authorization: Bearer {token}' \
         -H 'content-type: application/json' -d '{body}'"
    )
}

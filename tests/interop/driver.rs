//! What `scripts/bench create --servers` sets beside our creates: the official driver alone, in a loop that
//! inserts the same document, with the same guarantee and under the same indexes.
//!
//! `driver-bench URL CALLERS SECONDS`: the database holds orders already; one of them is the pattern. Tells
//! inserts, microseconds, then p50, p99 and the longest in microseconds. `driver-bench URL drop` ends the
//! bench's database.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bson::{Document, doc, oid::ObjectId};
use futures_util::TryStreamExt;
use mongodb::{
    Client, Collection,
    options::{Acknowledgment, ClientOptions, WriteConcern},
};

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut arg = |what: &'static str| args.next().context(what);
    let url = arg("the store's URL is missing")?;
    let callers = arg("callers")?;
    let mut options = ClientOptions::parse(&url).await?;
    let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    (options.write_concern, options.max_pool_size) = (Some(concern), Some(64));
    let database = Client::with_options(options)?.default_database().context("the URL names no database")?;
    if callers == "drop" {
        ensure!(database.name().starts_with("bench_"), "this is not a bench's database");
        return Ok(database.drop().await?);
    }
    let (callers, seconds): (u32, u64) = (callers.parse()?, arg("seconds")?.parse()?);
    let orders: Collection<Document> = database.collection("orders");
    let mut order = orders.find_one(doc! {}).await?.context("there is no order")?;
    order.remove("awb"); // it is unique, and no order has one when it is created
    let bare: Collection<Document> = database.collection("driver_bench");
    bare.drop().await?;
    let indexes: Vec<_> = orders.list_indexes().await?.try_collect().await?;
    bare.create_indexes(indexes.into_iter().filter(|index| !index.keys.contains_key("_id"))).await?;

    let (begun, length) = (Instant::now(), Duration::from_secs(seconds));
    let callers: Vec<_> =
        (0..callers).map(|_| tokio::spawn(insert(bare.clone(), order.clone(), begun + length))).collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await??);
    }
    let took = begun.elapsed();
    bare.drop().await?;
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or(0);
    let line =
        [u128::try_from(times.len())?, took.as_micros(), at(50), at(99), at(100)].map(|n| n.to_string());
    writeln!(std::io::stdout(), "{}", line.join(" "))?;
    Ok(())
}

/// One caller: what each insert took.
async fn insert(bare: Collection<Document>, mut order: Document, until: Instant) -> Result<Vec<u128>> {
    let mut times = Vec::new();
    while Instant::now() < until {
        let id = ObjectId::new().to_hex();
        order.insert("_id", &id);
        for unique in ["clientOrderId", "orderNumber"] {
            order.insert(unique, &id);
        }
        let begun = Instant::now();
        bare.insert_one(&order).await?;
        times.push(begun.elapsed().as_micros());
    }
    Ok(times)
}

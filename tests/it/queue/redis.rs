//! The Redis adapter: the contract, and what only a server can have happen to it.

mod cluster;
mod faults;
mod foreign;
mod layout;
mod marks;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use waybill::{
    base::clock::Clock,
    platform::queue::{Options, Queue, QueueError},
};

use super::contract::{Lab, Q, contract};
use crate::support::redis::{self, Answer, Raw, shared};

/// A prefix on a server.
pub(super) struct Keys {
    addr: SocketAddr,
    prefix: String,
}

impl Keys {
    fn on(addr: SocketAddr) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { addr, prefix: format!("t{}-{n}", std::process::id()) }
    }

    fn url(&self) -> String {
        format!("redis://{}?prefix={}", self.addr, self.prefix)
    }

    fn raw(&self) -> Raw {
        Raw::connect(self.addr)
    }
}

impl Lab for Keys {
    fn new() -> Self {
        Self::on(shared())
    }

    async fn try_open(&self, clock: &Clock, options: Options) -> Result<Queue, QueueError> {
        Queue::open(&self.url(), clock.clone(), options).await
    }

    async fn advance(&self, clock: &Clock, time: Duration) {
        clock.advance(time);
        redis::advance(self.addr, &self.prefix, clock, time);
    }

    async fn lose(&self) {
        redis::forget(self.addr, &self.prefix);
    }
}

contract!(Keys);

impl Keys {
    /// A key of the contract's queue.
    fn key(&self, name: &str) -> String {
        format!("{}:{Q}:{name}", self.prefix)
    }

    /// What is in a key: `field=value` of a hash and `member=score` of a sorted set, in order.
    fn show(&self, name: &str) -> String {
        let (mut raw, key) = (self.raw(), self.key(name));
        let pairs = |flat: Vec<String>| {
            let mut pairs: Vec<_> = flat.chunks(2).map(|pair| pair.join("=")).collect();
            pairs.sort();
            pairs.join(" ")
        };
        match raw.cmd(&["TYPE", &key]).text().as_str() {
            "none" => "-".to_owned(),
            "string" => raw.cmd(&["GET", &key]).text(),
            "list" => raw.cmd(&["LRANGE", &key, "0", "-1"]).texts().join(" "),
            "hash" => pairs(raw.cmd(&["HGETALL", &key]).texts()),
            "zset" => pairs(raw.cmd(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]).texts()),
            "set" => {
                let mut members = raw.cmd(&["SMEMBERS", &key]).texts();
                members.sort();
                members.join(" ")
            }
            other => panic!("{key} is a {other}"),
        }
    }

    fn field(&self, id: &str, field: &str) -> Option<String> {
        match self.raw().cmd(&["HGET", &self.key(id), field]) {
            Answer::Nil => None,
            value => Some(value.text()),
        }
    }

    /// The keys of the queue, without `events` and those that are ours alone.
    fn names(&self) -> Vec<String> {
        let start = self.key("");
        let all = self.raw().cmd(&["KEYS", &format!("{start}*")]).texts();
        let mut names: Vec<_> = all.iter().map(|key| key.strip_prefix(&start).unwrap().to_owned()).collect();
        names.retain(|name| name != "events" && !name.starts_with("x:"));
        names.sort();
        names
    }

    /// The events since the last call, each as its values: `added a create-order`.
    fn events(&self) -> Vec<String> {
        let (mut raw, key) = (self.raw(), self.key("events"));
        let entries = raw.cmd(&["XRANGE", &key, "-", "+"]).list();
        raw.cmd(&["DEL", &key]);
        let told = entries.into_iter().map(|entry| {
            let fields = entry.list().pop().unwrap().texts();
            let mut words = vec![fields[1].clone()];
            words.extend(fields[2..].chunks(2).map(|pair| match pair[0].as_str() {
                "jobId" => pair[1].clone(),
                _ => pair.join("="),
            }));
            words.join(" ")
        });
        told.collect()
    }
}

//! The Redis adapter: the contract, and what only a server can have happen to it.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use waybill::{
    base::clock::Clock,
    platform::queue::{Keep, Queue},
};

use super::contract::{Lab, contract};
use crate::support::redis::{Raw, shared};

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

/// Leases end when the test's clock says so, however long the test takes; other keys live as much shorter.
const ADVANCE: &str = "
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
    local left = redis.call('PTTL', key)
    local ends = string.sub(key, -5) == ':lock' and redis.call('HGET', string.sub(key, 1, -6), 'x_until')
    if ends and tonumber(ends) >= tonumber(ARGV[3]) then
        redis.call('PEXPIRE', key, 3600000)
    elseif ends or (left >= 0 and left <= tonumber(ARGV[2])) then
        redis.call('DEL', key)
    elseif left >= 0 then
        redis.call('PEXPIRE', key, left - tonumber(ARGV[2]))
    end
end";

impl Lab for Keys {
    fn new() -> Self {
        Self::on(shared())
    }

    async fn open_with(&self, clock: &Clock, keep: Keep) -> Queue {
        Queue::open(&self.url(), clock.clone(), keep).await.unwrap()
    }

    async fn advance(&self, clock: &Clock, time: Duration) {
        clock.advance(time);
        let (time, now) = (time.as_millis().to_string(), clock.now().as_millis().to_string());
        self.raw().ask(&["EVAL", ADVANCE, "0", &self.prefix, &time, &now]);
    }

    async fn lose(&self) {
        let lose = "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do redis.call('DEL', key) end";
        self.raw().ask(&["EVAL", lose, "0", &self.prefix]);
    }
}

contract!(Keys);

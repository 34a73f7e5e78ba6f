//! The Lua scripts, one file per operation in `lua/`. Each runs as one step of the server.

use std::sync::LazyLock;

use bytes::Bytes;
use fred::util::sha1_hash;

use crate::platform::queue::FRONT;

/// A script, with what it needs of the shared files before it.
pub(super) struct Script(LazyLock<(Bytes, Bytes)>);

impl Script {
    pub(super) fn text(&self) -> Bytes {
        self.0.0.clone()
    }

    /// What the server knows it by.
    pub(super) fn sha(&self) -> Bytes {
        self.0.1.clone()
    }
}

fn whole(parts: &[&str]) -> (Bytes, Bytes) {
    let text = format!("local FRONT = {FRONT}\n{}", parts.join("\n"));
    let sha = sha1_hash(&text);
    (Bytes::from(text), Bytes::from(sha))
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {
        $(pub(super) static $name: Script =
            Script(LazyLock::new(|| whole(&[$(include_str!(concat!("lua/", $file, ".lua"))),+])));)+
    };
}

scripts! {
    ADD = "common" "add";
    CLAIM = "common" "finish" "take" "claim";
    END = "common" "finish" "take" "end";
    EXTEND = "common" "extend";
    RELEASE = "common" "release";
    SWEEP = "common" "sweep";
    READY = "common" "ready";
    ROUSE = "common" "rouse";
    ANNOUNCE = "common" "announce";
    EPOCH = "epoch";
    COUNTS = "common" "counts";
    EXAMINE = "common" "examine";
    PRESENCE = "common" "presence";
    GET = "common" "view" "get";
    LIST_WAITING = "common" "view" "rank" "list_waiting";
    LIST_SET = "common" "view" "rank" "list_set";
    LIST_ACTIVE = "common" "view" "list_active";
    PAUSES = "common" "pauses";
    PAUSE = "common" "pause";
    RESUME = "common" "resume";
    RETRY = "common" "retry";
    PROMOTE = "common" "promote";
    REMOVE = "common" "remove";
    SET_DATA = "common" "set_data";
    LOG = "common" "log";
    PUSH_MARKS = "push_marks";
}

//! The queue port: one contract for every adapter, and what each adapter promises on top.

mod contract;
mod redis;
mod sqlite;

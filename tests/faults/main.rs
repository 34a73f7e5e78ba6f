//! Processes that die: the real programs, real signals, and one audit over what they leave behind.
//!
//! Seeded and bounded in time; everything listens on loopback addresses, lives in a temporary folder and ends
//! with its test. `FAULTS_SEED` chooses the seed, `FAULTS_ROUNDS` how often the worker is killed at random
//! moments (15; `scripts/faults`: 200), and everything else grows with that; `WAYBILL_TEST_BACKEND` where the
//! documents and jobs are (`backend.rs`).
// `cfg(test)` on each module tells clippy that helpers in it are test code too.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod backend;
#[cfg(test)]
#[path = "../it/support/mongodb.rs"]
#[expect(dead_code, reason = "the integration tests use more of it")]
mod lab;
#[cfg(test)]
mod merchant;
#[cfg(test)]
mod process;
#[cfg(test)]
#[path = "../it/support/redis.rs"]
#[expect(dead_code, reason = "the integration tests use more of it")]
mod redis;
#[cfg(test)]
mod replica_set;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod seed;
#[cfg(test)]
mod simulator;

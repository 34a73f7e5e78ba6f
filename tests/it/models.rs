//! Random histories against something simpler that is certainly right: a queue in memory, and the rules of an
//! order's lifecycle.
//!
//! A failing history is shrunk to a short one and printed. `PROPTEST_CASES=20000 cargo test --test it models`
//! looks longer.

mod lifecycle;
mod queue;

use proptest::test_runner::Config;

/// `cases` histories, unless the environment asks for another number.
fn config(cases: u32) -> Config {
    let asked = Config::default();
    let usual = 256; // proptest's own
    Config {
        cases: if asked.cases == usual { cases } else { asked.cases },
        failure_persistence: None,
        ..asked
    }
}

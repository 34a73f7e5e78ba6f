//! Numbers that come again with the same seed, and how much is to be done.

use std::time::Duration;

/// `SplitMix64`: small, and good enough to choose moments with.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The run's seed, told apart by `scenario` so that each has a sequence of its own.
    pub(crate) fn of(scenario: &str) -> Self {
        Self(
            scenario
                .bytes()
                .fold(run(), |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn pick(&mut self, among: usize) -> usize {
        usize::try_from(self.below(u64::try_from(among).unwrap())).unwrap()
    }

    pub(crate) fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to.saturating_sub(from) + 1))
    }
}

/// `FAULTS_SEED`, or one that is always the same.
pub(crate) fn run() -> u64 {
    number("FAULTS_SEED").unwrap_or(20_260_131)
}

/// `FAULTS_ROUNDS`: 15 unless told.
pub(crate) fn rounds() -> usize {
    number("FAULTS_ROUNDS").map_or(15, |n| usize::try_from(n).unwrap())
}

/// Whether the counts are the full ones.
pub(crate) fn full() -> bool {
    rounds() >= 100
}

#[expect(clippy::disallowed_methods, reason = "how much to test is no setting of the service")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

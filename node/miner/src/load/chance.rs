//! Chance that is the same again for the same seed, and costs a few bytes for each miner.

use std::time::Duration;

/// SplitMix64: good enough to spread arrivals, no good for secrets.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// One of many streams of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed);
        let seed = mixed.draw() ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        Self(seed)
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, and without, 1.
    pub(super) fn part(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Time to the next arrival of a Poisson process of so many a second, at most a day.
    pub(super) fn gap(&mut self, per_second: f64) -> Duration {
        let seconds = -(1.0 - self.part()).ln() / per_second;
        Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_as_often_as_asked_for_and_streams_differ() {
        let mut chance = Chance::new(7, 3);
        let count = 100_000;
        let total: f64 = (0..count).map(|_| chance.gap(20.0).as_secs_f64()).sum();
        let rate = f64::from(count) / total;
        assert!((19.5..20.5).contains(&rate), "{rate}");
        assert_ne!(Chance::new(7, 0).draw(), Chance::new(7, 1).draw());
        assert_eq!(Chance::new(7, 1).draw(), Chance::new(7, 1).draw());
    }
}

//! Our rule: the code of the server itself, driven by simulated time.

use std::time::Duration;

use tokio::time::Instant;

use super::simulation::Rule;
use crate::vardiff::{Aim, Vardiff};

pub(crate) struct Ours {
    vardiff: Vardiff,
    start: Instant,
}

impl Ours {
    pub(crate) fn new(target_s: f64, difficulty: f64) -> Self {
        let start = Instant::now();
        let aim = Aim {
            interval_ms: (target_s * 1_000.0) as u64,
            minimum: 1,
            maximum: u64::MAX,
        };
        Self {
            vardiff: Vardiff::new(aim, difficulty as u64, false, start),
            start,
        }
    }

    fn at(&self, now_s: f64) -> Instant {
        self.start + Duration::from_secs_f64(now_s)
    }
}

impl Rule for Ours {
    fn difficulty(&self) -> f64 {
        self.vardiff.difficulty() as f64
    }

    fn job_sent(&mut self, now_s: f64) {
        self.vardiff.applied(self.at(now_s));
    }

    fn share(&mut self, difficulty: f64, now_s: f64) {
        self.vardiff.record(difficulty as u64, self.at(now_s));
    }

    fn look(&mut self, now_s: f64) {
        self.vardiff.tick(self.at(now_s));
    }

    fn next_look_s(&self, now_s: f64) -> f64 {
        let next = self.vardiff.next_look(self.at(now_s));
        (next - self.start).as_secs_f64()
    }
}

//! NOMP and what descends from it: the mean of four retarget times' worth of gaps against a band
//! of 30 %, decided upon every 90 seconds, on shares only. Settings as in its example
//! configurations, clock in whole seconds.

use crate::simulation::Rule;

const RETARGET_S: f64 = 90.0;
const BAND: f64 = 0.3;

pub(crate) struct Nomp {
    target_s: f64,
    difficulty: f64,
    gaps_s: Vec<f64>,
    gaps_max: usize,
    last_share_s: Option<f64>,
    last_decision_s: f64,
}

impl Nomp {
    pub(crate) fn new(target_s: f64, difficulty: f64) -> Self {
        Self {
            target_s,
            difficulty,
            gaps_s: Vec::new(),
            gaps_max: (RETARGET_S / target_s * 4.0) as usize,
            last_share_s: None,
            last_decision_s: 0.0,
        }
    }
}

impl Rule for Nomp {
    fn difficulty(&self) -> f64 {
        self.difficulty
    }

    fn job_sent(&mut self, _now_s: f64) {}

    fn share(&mut self, _difficulty: f64, now_s: f64) {
        let now_s = now_s.floor();
        let Some(last_s) = self.last_share_s.replace(now_s) else {
            self.last_decision_s = now_s - RETARGET_S / 2.0;
            return;
        };
        if self.gaps_s.len() == self.gaps_max {
            self.gaps_s.remove(0);
        }
        self.gaps_s.push(now_s - last_s);
        if now_s - self.last_decision_s < RETARGET_S {
            return;
        }
        self.last_decision_s = now_s;
        let mean_s = self.gaps_s.iter().sum::<f64>() / self.gaps_s.len() as f64;
        if (mean_s / self.target_s - 1.0).abs() > BAND {
            // Shares within one second have a mean gap of nothing, hence an endless difficulty.
            self.difficulty = (self.difficulty * self.target_s / mean_s.max(0.01)).max(1.0);
            self.gaps_s.clear();
        }
    }
}

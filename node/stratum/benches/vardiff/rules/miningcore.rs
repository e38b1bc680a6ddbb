//! Miningcore: the mean of the last ten gaps against a band of 30 %, at most one decision in 90
//! seconds, all gaps forgotten with a change, and a timer for workers that are silent. Settings
//! as in its example configurations, clock in whole seconds.

use crate::simulation::Rule;

const RETARGET_S: f64 = 90.0;
const BAND: f64 = 0.3;
const GAPS: usize = 10;
/// How often silent workers are looked for.
const SWEEP_S: f64 = 10.0;

pub(crate) struct Miningcore {
    target_s: f64,
    difficulty: f64,
    gaps_s: Vec<f64>,
    last_s: Option<f64>,
    last_change_s: f64,
}

impl Miningcore {
    pub(crate) fn new(target_s: f64, difficulty: f64) -> Self {
        Self {
            target_s,
            difficulty,
            gaps_s: Vec::new(),
            last_s: None,
            last_change_s: 0.0,
        }
    }

    fn mean_with(&self, gap_s: f64) -> f64 {
        (self.gaps_s.iter().sum::<f64>() + gap_s) / (self.gaps_s.len() + 1) as f64
    }

    fn change(&mut self, mean_s: f64, now_s: f64) {
        // Shares within one second have a mean gap of nothing, hence an endless difficulty there.
        self.difficulty *= self.target_s / mean_s.max(0.01);
        self.difficulty = self.difficulty.max(1.0);
        self.last_change_s = now_s;
        self.gaps_s.clear();
    }
}

impl Rule for Miningcore {
    fn difficulty(&self) -> f64 {
        self.difficulty
    }

    fn job_sent(&mut self, _now_s: f64) {}

    fn share(&mut self, _difficulty: f64, now_s: f64) {
        let now_s = now_s.floor();
        let Some(last_s) = self.last_s.replace(now_s) else {
            self.last_change_s = now_s;
            return;
        };
        let mean_s = self.mean_with(now_s - last_s);
        if self.gaps_s.len() == GAPS {
            self.gaps_s.remove(0);
        }
        self.gaps_s.push(now_s - last_s);
        let is_near = (mean_s / self.target_s - 1.0).abs() <= BAND;
        if now_s - self.last_change_s >= RETARGET_S && !is_near {
            self.change(mean_s, now_s);
        }
    }

    fn look(&mut self, now_s: f64) {
        let now_s = now_s.floor();
        let silent_s = now_s - self.last_s.unwrap_or(0.0);
        if silent_s + 1.0 >= RETARGET_S {
            self.last_s = Some(now_s);
            self.change(self.mean_with(silent_s), now_s);
        }
    }

    fn next_look_s(&self, now_s: f64) -> f64 {
        now_s + SWEEP_S
    }
}

//! ckpool: a decaying average over five minutes, a wide band, and at most one decision in four
//! minutes unless as many shares came as should in that time. It acts on shares only.
//!
//! Its aim is a share in 3.33 seconds; everything is scaled from there to the target given. Newer
//! versions average over one minute while shares come fast, which is quicker and much less steady.

use crate::simulation::Rule;

const AVERAGE_S: f64 = 300.0;
const DECISION_S: f64 = 240.0;
/// Bounds of the rate, relative to the target, within which nothing is done.
const BAND: (f64, f64) = (0.15 / 0.3, 0.4 / 0.3);

pub(crate) struct Ckpool {
    target_s: f64,
    difficulty: f64,
    work_per_s: f64,
    shares_since_change: u32,
    first_share_s: Option<f64>,
    last_share_s: f64,
    last_change_s: f64,
}

impl Ckpool {
    pub(crate) fn new(target_s: f64, difficulty: f64) -> Self {
        Self {
            target_s,
            difficulty,
            work_per_s: 0.0,
            shares_since_change: 0,
            first_share_s: None,
            last_share_s: 0.0,
            last_change_s: 0.0,
        }
    }

    fn average(&mut self, difficulty: f64, now_s: f64) {
        let gap_s = (now_s - self.last_share_s).max(0.001);
        let weight = 1.0 - (-gap_s / AVERAGE_S).exp();
        self.work_per_s = (self.work_per_s + difficulty / gap_s * weight) / (1.0 + weight);
        self.last_share_s = now_s;
    }
}

impl Rule for Ckpool {
    fn difficulty(&self) -> f64 {
        self.difficulty
    }

    fn job_sent(&mut self, _now_s: f64) {}

    fn share(&mut self, difficulty: f64, now_s: f64) {
        if self.first_share_s.is_none() {
            // The first gap has no beginning.
            self.last_share_s = now_s;
        }
        self.average(difficulty, now_s);
        let first_s = *self.first_share_s.get_or_insert(now_s);
        self.shares_since_change += 1;
        let has_waited = now_s - self.last_change_s >= DECISION_S;
        if f64::from(self.shares_since_change) < DECISION_S / self.target_s && !has_waited {
            return;
        }
        if difficulty != self.difficulty {
            // Of a job from before the change.
            self.shares_since_change = 0;
            return;
        }
        // What the average lacks while it is young.
        let bias = 1.0 - (-(now_s - first_s).max(0.001) / AVERAGE_S).exp();
        let wanted = self.work_per_s / bias * self.target_s;
        let ratio = wanted / self.difficulty;
        if ratio > BAND.0 && ratio < BAND.1 {
            return;
        }
        self.last_change_s = now_s;
        if ratio < 1.0 && self.shares_since_change == 1 {
            // The worker may have been away.
            return;
        }
        self.shares_since_change = 0;
        self.difficulty = wanted.round().max(1.0);
    }
}

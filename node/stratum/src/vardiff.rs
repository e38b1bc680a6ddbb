//! How hard a worker's shares should be.
//!
//! The worker's speed is estimated as work over time, both fading with age; an average of
//! `work / gap` would be biased, since the gaps of a random process have no mean inverse. The
//! difficulty moves only on evidence: the fewer shares an estimate stands on, the further it has
//! to be off before it counts. A worker that sends nothing is lowered by a timer, since no share
//! will ever come to do it.
//!
//! A change holds from the next job on. Shares are always judged and paid by the difficulty their
//! own job was sent with.
//!
//! The module is public for the simulation alone, which so runs the code of the server.

use tokio::time::Instant;

/// Weight of an old observation falls to a third within this many seconds.
const FADE_S: f64 = 600.0;
/// The same for targets of 20 seconds and more, where 600 seconds hold too few shares.
const FADE_LONG_TARGET_S: f64 = 300.0;
/// A rate closer to the target than this factor (as a logarithm) is close enough.
const TOLERANCE: f64 = 0.22;
/// How many standard deviations an estimate must be off.
const EVIDENCE: f64 = 2.6;
/// The same for targets of 20 seconds and more.
const EVIDENCE_LONG_TARGET: f64 = 3.0;
/// Target intervals without a share after which silence is evidence.
const SILENT_INTERVALS: f64 = 4.6;
/// Shares needed before the difficulty rises.
const SHARES_TO_RISE: f64 = 3.0;
/// Shares' worth of evidence that survives a change.
const SHARES_KEPT: f64 = 3.0;
/// Bounds of one step.
const STEP_DOWN: f64 = 1.0 / 8.0;
const STEP_UP: f64 = 64.0;

/// Bounds and aim.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// Time between two shares of the worker that is aimed at.
    pub interval_ms: u64,
    /// The lowest difficulty.
    pub minimum: u64,
    /// The highest difficulty.
    pub maximum: u64,
}

/// The difficulty of one session.
#[derive(Debug)]
pub struct Vardiff {
    aim: Aim,
    difficulty: u64,
    is_fixed: bool,
    /// Whether a job with the present difficulty was sent; until then nothing new is decided.
    is_applied: bool,
    work: f64,
    time_s: f64,
    shares: f64,
    faded: Instant,
    last_share: Instant,
}

impl Vardiff {
    /// Starts at `difficulty`, brought into bounds, and stays there when it `is_fixed`.
    pub fn new(aim: Aim, difficulty: u64, is_fixed: bool, now: Instant) -> Self {
        Self {
            aim,
            difficulty: difficulty.clamp(aim.minimum, aim.maximum),
            is_fixed,
            is_applied: false,
            work: 0.0,
            time_s: 0.0,
            shares: 0.0,
            faded: now,
            last_share: now,
        }
    }

    /// The difficulty the next job should have.
    pub fn difficulty(&self) -> u64 {
        self.difficulty
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// A job with the present difficulty was sent.
    pub fn applied(&mut self, now: Instant) {
        if !self.is_applied {
            self.is_applied = true;
            // Only what happens under the new difficulty says whether it is right.
            self.faded = now;
            self.last_share = now;
        }
    }

    /// A share was found valid at the difficulty of its job.
    pub fn record(&mut self, share_difficulty: u64, now: Instant) {
        self.fade(now);
        self.work += share_difficulty as f64;
        self.shares += 1.0;
        self.last_share = now;
        self.adjust();
    }

    /// The pool refused to look at a share. That says nothing about the worker: lowering it now
    /// would bring more shares to a pool that has too many.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.faded = now;
        self.last_share = now;
    }

    /// Looks at a worker that may be silent; returns whether the difficulty changed.
    pub fn tick(&mut self, now: Instant) -> bool {
        if !self.is_applied || now - self.last_share < self.silence() {
            return false;
        }
        self.fade(now);
        let before = self.difficulty;
        self.adjust();
        self.difficulty != before
    }

    /// When the worker will have been silent for long enough to look at it (again).
    pub fn next_look(&self, now: Instant) -> Instant {
        let silent = self.last_share + self.silence();
        if silent > now {
            silent
        } else {
            now + self.silence()
        }
    }

    fn silence(&self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(self.interval_s() * SILENT_INTERVALS)
    }

    fn interval_s(&self) -> f64 {
        self.aim.interval_ms as f64 / 1_000.0
    }

    fn is_long_target(&self) -> bool {
        self.aim.interval_ms >= 20_000
    }

    fn fade(&mut self, now: Instant) {
        let passed_s = now.saturating_duration_since(self.faded).as_secs_f64();
        let keep = (-passed_s
            / if self.is_long_target() {
                FADE_LONG_TARGET_S
            } else {
                FADE_S
            })
        .exp();
        self.work *= keep;
        self.shares *= keep;
        self.time_s = self.time_s * keep + passed_s;
        self.faded = now;
    }

    fn adjust(&mut self) {
        if self.is_fixed || !self.is_applied {
            return;
        }
        // A burst right at the start must not divide by nothing.
        let time_s = self.time_s.max(self.interval_s() / 100.0);
        let wanted = self.work / time_s * self.interval_s();
        let ratio = wanted / self.difficulty as f64;
        let deviations = if self.is_long_target() {
            EVIDENCE_LONG_TARGET
        } else {
            EVIDENCE
        };
        let gate = TOLERANCE.max(deviations / (self.shares + 1.0).sqrt());
        let is_rise_early = ratio > 1.0 && self.shares < SHARES_TO_RISE;
        if is_rise_early || ratio.ln().abs() <= gate {
            return;
        }
        let next = self.difficulty as f64 * ratio.clamp(STEP_DOWN, STEP_UP);
        // Converting to an integer saturates, and the bounds are integers.
        let next = (next as u64).clamp(self.aim.minimum, self.aim.maximum);
        if next != self.difficulty {
            self.difficulty = next;
            self.is_applied = false;
            self.keep_little();
        }
    }

    fn keep_little(&mut self) {
        if self.shares > SHARES_KEPT {
            let keep = SHARES_KEPT / self.shares;
            self.work *= keep;
            self.time_s *= keep;
            self.shares = SHARES_KEPT;
        }
    }
}

#[cfg(test)]
mod tests;

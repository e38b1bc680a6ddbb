//! How hard a worker's shares should be.
//!
//! The difficulty moves only on evidence (module `evidence`): something was seen that is very
//! much likelier at another speed than at the one the difficulty stands for. How much likelier is
//! chosen so that a worker of constant speed is left alone for hours; a difficulty few shares
//! speak for is given up sooner. A worker that sends nothing is looked at by a timer, since no
//! share will ever come to lower it.
//!
//! The constants were chosen with the simulation in `benches/vardiff`, which compares this rule
//! with those of ckpool, Miningcore and NOMP at targets of 5, 10 and 30 seconds. None of them is
//! better by more than a fifth in any column but one: ckpool changes a steady worker's difficulty
//! every 17 hours at 5 seconds and every four at 10, this rule every two. That is the price of
//! seeing within a minute or two what ckpool sees after twenty or more; what luck alone brought is
//! taken back as soon as it shows. Miningcore, the peer that is nearly as quick, makes 20 to 30
//! changes an hour.
//!
//! A change holds from the next job on. Shares are always judged and paid by the difficulty their
//! own job was sent with.
//!
//! The module is public for the simulation alone, which so runs the code of the server.

use std::time::Duration;

use tokio::time::Instant;

use crate::evidence::Evidence;

/// Evidence counts when chance would bring it to one look in as many as there are target intervals
/// in this time. As each look is at many stretches, a steady worker's difficulty really moves
/// about every two hours.
const FALSE_ALARM_S: f64 = 15.0 * 3_600.0;
/// What counts while no share speaks for the difficulty: four intervals of silence, say, which
/// chance brings to one start in 50.
const STRENGTH_AT_START: f64 = 4.0;
/// Shares after which a difficulty is no longer taken for new.
const SHARES_TO_SETTLE: f64 = 40.0;
/// A rise is not decided upon a shorter stretch than this, in target intervals, unless nothing
/// else is known: a connection that stalled delivers several shares at once.
const RISE_INTERVALS: f64 = 1.0;
/// Target intervals without a share after which the timer looks, and then how often.
const SILENT_INTERVALS: f64 = 4.0;
const LOOK_INTERVALS: f64 = 0.5;
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
    /// Whether a job was sent since the last change; until then nothing new is decided.
    is_applied: bool,
    /// Difficulty in force since the newest job. Where the network's is lower, jobs have that, and
    /// several of their shares make up one of ours.
    job_difficulty: Option<u64>,
    evidence: Evidence,
    /// Until when the evidence has been told of the time that passed.
    told: Instant,
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
            job_difficulty: None,
            evidence: Evidence::default(),
            told: now,
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
        if self.job_difficulty.is_none() {
            self.last_share = now;
        }
        self.tell(now);
        self.job_difficulty = Some(self.difficulty);
        self.is_applied = true;
    }

    /// A share was found valid at the difficulty of its job.
    pub fn record(&mut self, share_difficulty: u64, now: Instant) {
        let Some(job_difficulty) = self.job_difficulty else {
            return;
        };
        self.tell(now);
        self.last_share = now;
        // Shares of the job before may still be under way after a change. Easier ones count for
        // what they are worth; a harder one is only one share, and may be luck.
        let weight = share_difficulty as f64 / job_difficulty as f64;
        self.evidence.share(weight.min(1.0));
        self.adjust();
    }

    /// The pool refused to look at a share. That says nothing about the worker: lowering it now
    /// would bring more shares to a pool that has too many.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.evidence.forget_wait();
        self.told = now;
        self.last_share = now;
    }

    /// Looks at a worker that may be silent; returns whether the difficulty changed.
    pub fn tick(&mut self, now: Instant) -> bool {
        if now - self.last_share < self.intervals(SILENT_INTERVALS) {
            return false;
        }
        self.tell(now);
        let before = self.difficulty;
        self.adjust();
        self.difficulty != before
    }

    /// When the worker will have been silent for long enough to look at it (again).
    pub fn next_look(&self, now: Instant) -> Instant {
        let silent = self.last_share + self.intervals(SILENT_INTERVALS);
        if silent > now {
            silent
        } else {
            now + self.intervals(LOOK_INTERVALS)
        }
    }

    fn intervals(&self, count: f64) -> Duration {
        Duration::from_millis(self.aim.interval_ms).mul_f64(count)
    }

    fn interval_s(&self) -> f64 {
        self.aim.interval_ms as f64 / 1_000.0
    }

    fn tell(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.told);
        // Before the first job a worker has nothing to find.
        if let Some(difficulty) = self.job_difficulty {
            self.evidence.wait(passed.as_secs_f64(), difficulty);
        }
        self.told = now;
    }

    /// How strong evidence against the present difficulty has to be.
    fn strength_needed(&self) -> f64 {
        let settled = (FALSE_ALARM_S / self.interval_s())
            .ln()
            .max(STRENGTH_AT_START);
        let share = (f64::from(self.evidence.count()) / SHARES_TO_SETTLE).min(1.0);
        STRENGTH_AT_START + (settled - STRENGTH_AT_START) * share
    }

    fn adjust(&mut self) {
        if self.is_fixed || !self.is_applied {
            return;
        }
        let finding = self
            .evidence
            .strongest(self.interval_s() / self.difficulty as f64);
        let is_rise_early =
            finding.is_too_many() && finding.expected < RISE_INTERVALS && !finding.is_everything();
        if finding.strength <= self.strength_needed() || is_rise_early {
            return;
        }
        let next = self.difficulty as f64 * finding.ratio().clamp(STEP_DOWN, STEP_UP);
        // Converting to an integer saturates, and the bounds are integers.
        let next = (next as u64).clamp(self.aim.minimum, self.aim.maximum);
        if next != self.difficulty {
            self.difficulty = next;
            self.is_applied = false;
            self.evidence.forget_before(&finding);
        }
    }
}

#[cfg(test)]
mod tests;

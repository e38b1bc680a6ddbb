//! Workers that find shares at random, and a pool that sends them jobs.
//!
//! Shares are a Poisson process: the work until the next one is drawn from an exponential
//! distribution, whatever the difficulty does meanwhile. Jobs come every five seconds, as XELIS
//! has blocks, and a difficulty that was decided holds from the next job on. Between a share and
//! its arrival no time passes, and no share is stale.
//!
//! The random numbers of a worker depend on its seed alone, so that every rule meets the same luck.

/// Time between two jobs.
pub(crate) const JOB_S: f64 = 5.0;

/// A rule for the difficulty of one worker. Times are in seconds from any start.
pub(crate) trait Rule {
    /// The difficulty the next job will have.
    fn difficulty(&self) -> f64;

    /// A job with that difficulty was sent.
    fn job_sent(&mut self, now_s: f64);

    /// A share arrived, of a job with this difficulty.
    fn share(&mut self, difficulty: f64, now_s: f64);

    /// The time of the last answer to `next_look_s` has come.
    fn look(&mut self, _now_s: f64) {}

    /// When the rule wants to look at the worker without a share; never if it only acts on shares.
    fn next_look_s(&self, _now_s: f64) -> f64 {
        f64::INFINITY
    }
}

/// xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    /// Neighbouring seeds give unrelated numbers.
    pub(crate) fn new(seed: u64) -> Self {
        let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mut random = Self((mixed ^ (mixed >> 31)) | 1);
        for _ in 0..8 {
            random.uniform();
        }
        random
    }

    /// In (0, 1].
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (bits + 1) as f64 / (1_u64 << 53) as f64
    }

    /// With mean 1.
    fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }
}

/// One worker and what happened to it.
pub(crate) struct Worker<R> {
    pub(crate) rule: R,
    pub(crate) now_s: f64,
    pub(crate) hashes_per_s: f64,
    /// Of the job the worker has.
    pub(crate) difficulty: f64,
    pub(crate) shares: u64,
    /// Jobs whose difficulty differed from that of the job before.
    pub(crate) changes: u64,
    random: Random,
    /// Work to the next share, in units of what one takes on average.
    missing: f64,
    next_job_s: f64,
    next_look_s: f64,
}

impl<R: Rule> Worker<R> {
    pub(crate) fn new(mut rule: R, hashes_per_s: f64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        rule.job_sent(0.0);
        Self {
            now_s: 0.0,
            hashes_per_s,
            difficulty: rule.difficulty(),
            shares: 0,
            changes: 0,
            missing: random.exponential(),
            next_job_s: JOB_S * random.uniform(),
            next_look_s: rule.next_look_s(0.0),
            random,
            rule,
        }
    }

    pub(crate) fn run_until(&mut self, end_s: f64) {
        while self.now_s < end_s {
            self.step(end_s);
        }
    }

    /// Goes on to the next event, but not beyond `end_s`.
    pub(crate) fn step(&mut self, end_s: f64) {
        let share_s = self.now_s + self.missing * self.difficulty / self.hashes_per_s;
        let event_s = share_s
            .min(self.next_job_s)
            .min(self.next_look_s)
            .min(end_s);
        if event_s >= share_s {
            self.missing = self.random.exponential();
            self.shares += 1;
            self.now_s = share_s;
            self.rule.share(self.difficulty, share_s);
            return;
        }
        self.missing -= (event_s - self.now_s) * self.hashes_per_s / self.difficulty;
        self.now_s = event_s;
        if event_s >= self.next_job_s {
            self.next_job_s += JOB_S;
            let difficulty = self.rule.difficulty();
            self.changes += u64::from(difficulty != self.difficulty);
            self.difficulty = difficulty;
            self.rule.job_sent(event_s);
        } else if event_s >= self.next_look_s {
            self.rule.look(event_s);
            self.next_look_s = self.rule.next_look_s(event_s);
        }
    }
}

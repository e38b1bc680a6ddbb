//! What is known about a worker's speed, and how strongly it speaks against a difficulty.
//!
//! Shares of a worker of constant speed are a Poisson process, so that all its past says is in
//! two numbers: how many shares came, and how many would have come at a speed of one. The second,
//! the exposure, is time over difficulty, summed up over the difficulties that were in force;
//! hence what was seen before a change of the difficulty still counts after it.
//!
//! The speed may change at any moment. So every stretch from some share until now is asked how
//! well it fits the difficulty, by the ratio of likelihoods, and the one that fits worst is the
//! finding. Long stretches see small errors, short ones see large errors at once, and there is
//! no length to choose.
//!
//! Old shares are merged into groups of 2, 4, 8 and so on, which bounds the memory to some 25
//! groups, and loses little: nobody needs to know to the share where a long stretch began.

/// Groups of the same number of shares; one more, and the oldest two become one.
const GROUPS_OF_A_SIZE: usize = 3;
/// Older shares are forgotten. More would make the steady state steadier and slow drifts slower
/// to be seen; 512 shares give the speed to 4 %.
const SHARES_MAX: u32 = 512;
/// Exposure that is expected to bring so many shares is the least that counts: a burst right at
/// the start must not divide by nothing.
const EXPECTED_MIN: f64 = 0.01;

/// What was seen of a worker.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The oldest first, and the sizes never grow toward the newest.
    groups: Vec<Group>,
    /// Exposure since the last share.
    waiting: f64,
}

/// Neighbouring shares, with the waits before them.
#[derive(Debug, Clone, Copy)]
struct Group {
    count: u32,
    /// In units of shares of the difficulty that was in force.
    weight: f64,
    exposure: f64,
}

/// The stretch until now that speaks most strongly against a difficulty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding {
    /// Shares that came in it.
    pub(crate) shares: f64,
    /// Shares that should have come.
    pub(crate) expected: f64,
    /// How much likelier these shares are at the speed they show than at the one the difficulty
    /// stands for, as a logarithm. A silence of five intervals has strength 5.
    pub(crate) strength: f64,
    /// Groups before the stretch.
    older: usize,
}

impl Finding {
    /// Whether the stretch reaches back to the first that is known.
    pub(crate) fn is_everything(&self) -> bool {
        self.older == 0
    }

    /// More shares came than should have.
    pub(crate) fn is_too_many(&self) -> bool {
        self.shares > self.expected
    }

    /// The worker's speed over the one the difficulty stands for.
    ///
    /// The half share makes up for stretches being chosen for what they show, and gives silence
    /// a speed.
    pub(crate) fn ratio(&self) -> f64 {
        if self.is_too_many() {
            (self.shares - 0.5) / self.expected
        } else {
            (self.shares + 0.5) / (self.expected + 0.5)
        }
    }
}

impl Evidence {
    /// Time passed under a difficulty.
    pub(crate) fn wait(&mut self, time_s: f64, difficulty: u64) {
        self.waiting += time_s / difficulty.max(1) as f64;
    }

    /// The wait since the last share says nothing.
    pub(crate) fn forget_wait(&mut self) {
        self.waiting = 0.0;
    }

    /// A share came, of the given part of the difficulty in force.
    pub(crate) fn share(&mut self, weight: f64) {
        self.groups.push(Group {
            count: 1,
            weight,
            exposure: std::mem::take(&mut self.waiting),
        });
        self.merge();
        while self.count() > SHARES_MAX {
            self.groups.remove(0);
        }
    }

    /// Shares remembered.
    pub(crate) fn count(&self) -> u32 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// What speaks most strongly against a difficulty at which a worker would send a share for
    /// each `exposure_of_a_share`.
    pub(crate) fn strongest(&self, exposure_of_a_share: f64) -> Finding {
        let (mut shares, mut exposure) = (0.0, self.waiting);
        let mut strongest = finding(0.0, exposure / exposure_of_a_share, self.groups.len());
        for (older, group) in self.groups.iter().enumerate().rev() {
            shares += group.weight;
            exposure += group.exposure;
            let longer = finding(shares, exposure / exposure_of_a_share, older);
            if longer.strength > strongest.strength {
                strongest = longer;
            }
        }
        strongest
    }

    /// Forgets what was before a finding: the worker had another speed then.
    pub(crate) fn forget_before(&mut self, finding: &Finding) {
        self.groups.drain(..finding.older);
    }

    fn merge(&mut self) {
        let (mut end, mut count) = (self.groups.len(), 1);
        loop {
            let same = self.groups[..end]
                .iter()
                .rev()
                .take_while(|group| group.count == count)
                .count();
            if same <= GROUPS_OF_A_SIZE {
                return;
            }
            let oldest = self.groups.remove(end - same);
            let merged = &mut self.groups[end - same];
            merged.count += oldest.count;
            merged.weight += oldest.weight;
            merged.exposure += oldest.exposure;
            (end, count) = (end - same + 1, count * 2);
        }
    }
}

fn finding(shares: f64, expected: f64, older: usize) -> Finding {
    let expected = expected.max(EXPECTED_MIN);
    let surprise = if shares > 0.0 {
        shares * (shares / expected).ln()
    } else {
        0.0
    };
    Finding {
        shares,
        expected,
        strength: surprise - shares + expected,
        older,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_come_as_expected_are_no_evidence() {
        let mut evidence = Evidence::default();
        for _ in 0..10_000 {
            evidence.wait(5.0, 1_000);
            evidence.share(1.0);
        }
        assert!(evidence.strongest(5.0 / 1_000.0).strength < 0.1);
        assert!(evidence.groups.len() <= 27, "{}", evidence.groups.len());
        assert!((256..=SHARES_MAX).contains(&evidence.count()));
    }

    #[test]
    fn silence_of_so_many_intervals_has_that_strength() {
        let mut evidence = Evidence::default();
        for _ in 0..100 {
            evidence.wait(5.0, 1_000);
            evidence.share(1.0);
        }
        evidence.wait(35.0, 1_000);
        let finding = evidence.strongest(5.0 / 1_000.0);
        assert!((finding.strength - 7.0).abs() < 0.1, "{finding:?}");
        assert!(!finding.is_everything() && !finding.is_too_many());
        assert!(finding.ratio() < 0.1, "{finding:?}");
    }

    #[test]
    fn a_new_speed_is_found_from_where_it_began() {
        let mut evidence = Evidence::default();
        for gap_s in [5.0; 100].into_iter().chain([0.5; 20]) {
            evidence.wait(gap_s, 1_000);
            evidence.share(1.0);
        }
        let finding = evidence.strongest(5.0 / 1_000.0);
        assert!((8.0..10.5).contains(&finding.ratio()), "{finding:?}");
        evidence.forget_before(&finding);
        let count = evidence.count();
        assert!((16..=32).contains(&count), "{count}");
        assert!(evidence.strongest(0.5 / 1_000.0).strength < 2.0);
    }

    #[test]
    fn what_was_seen_under_another_difficulty_still_counts() {
        let mut evidence = Evidence::default();
        for difficulty in [[1_000; 20], [8_000; 20]].concat() {
            evidence.wait(difficulty as f64 / 200.0, difficulty);
            evidence.share(1.0);
        }
        assert!(evidence.strongest(1.0 / 200.0).strength < 0.1);
    }
}

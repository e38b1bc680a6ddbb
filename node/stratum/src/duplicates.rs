//! Which shares of a connection were judged already, and how.
//!
//! The key is a hash of the whole work, so nothing two different shares can have in common makes
//! one look like the other. Only judged shares are remembered: a share that was refused unseen
//! (the pool was busy) may be sent again. Extra nonces are unique per connection, so there is no
//! table across connections.
//!
//! Memory is bounded twice: jobs that are forgotten take their shares along, and when the table of
//! accepted shares is full, further shares are refused unseen rather than an old one forgotten,
//! which could then be credited twice. Shares that are still to be judged are as few as a
//! connection may have in flight.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use raftpool_chain::MinerWork;
use raftpool_ledger::command::RejectReason;

/// Accepted shares remembered for one connection, over all jobs that are still known.
const CREDITED_MAX: usize = 65_536;
/// Refused shares remembered: forgetting one only costs another hash.
const REFUSED_MAX: usize = 1_024;

/// Identifies one work of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShareKey(u128);

impl ShareKey {
    pub(crate) fn of(work: &MinerWork) -> Self {
        let mut head = [0; 16];
        head.copy_from_slice(&work.block_hash().0[..16]);
        Self(u128::from_be_bytes(head))
    }
}

/// What came of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is credited, or on its way to be.
    Credited,
    /// It was proposed, and whether it was stored is not known.
    Uncertain,
    /// It was refused for what it is.
    Refused(RejectReason),
}

/// The judged shares of one connection.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    by_job: BTreeMap<u64, HashMap<ShareKey, Verdict>>,
    /// Shares that wait for their verdict.
    under_way: HashSet<(u64, ShareKey)>,
    /// Jobs below this one are forgotten.
    oldest_job: u64,
    credited: usize,
    refused: usize,
}

impl Judged {
    pub(crate) fn find(&self, job: u64, key: ShareKey) -> Option<Verdict> {
        self.by_job.get(&job)?.get(&key).copied()
    }

    /// A share is on its way to be judged.
    pub(crate) fn begin(&mut self, job: u64, key: ShareKey) {
        self.under_way.insert((job, key));
    }

    pub(crate) fn is_under_way(&self, job: u64, key: ShareKey) -> bool {
        self.under_way.contains(&(job, key))
    }

    /// Nobody judged the share, so that it may be sent again.
    pub(crate) fn let_go(&mut self, job: u64, key: ShareKey) {
        self.under_way.remove(&(job, key));
    }

    /// A share was lost on its way: whether it counts is not known if it was credited before.
    pub(crate) fn lose(&mut self, job: u64, key: ShareKey) {
        self.let_go(job, key);
        if self.find(job, key) == Some(Verdict::Credited) {
            self.doubt(job, key);
        }
    }

    /// Whether another share could be remembered.
    pub(crate) fn has_room(&self) -> bool {
        self.credited < CREDITED_MAX
    }

    /// Remembers a share as credited; `false` when it was judged before, or when its job was
    /// forgotten meanwhile, so that nobody can tell any more.
    pub(crate) fn credit(&mut self, job: u64, key: ShareKey) -> bool {
        self.let_go(job, key);
        if job < self.oldest_job {
            return false;
        }
        let shares = self.by_job.entry(job).or_default();
        if shares.contains_key(&key) {
            return false;
        }
        shares.insert(key, Verdict::Credited);
        self.credited += 1;
        true
    }

    /// Remembers why a share was refused. The first verdict stays: of two copies that were under
    /// way at once, one may be credited and the other be too late.
    pub(crate) fn refuse(&mut self, job: u64, key: ShareKey, reason: RejectReason) {
        self.let_go(job, key);
        if job < self.oldest_job || self.refused >= REFUSED_MAX {
            return;
        }
        if let Entry::Vacant(place) = self.by_job.entry(job).or_default().entry(key) {
            place.insert(Verdict::Refused(reason));
            self.refused += 1;
        }
    }

    /// A credited share is perhaps not stored.
    pub(crate) fn doubt(&mut self, job: u64, key: ShareKey) {
        if let Some(verdict) = self
            .by_job
            .get_mut(&job)
            .and_then(|shares| shares.get_mut(&key))
        {
            *verdict = Verdict::Uncertain;
        }
    }

    /// A credited share is certainly not stored, and may be sent again.
    pub(crate) fn forget(&mut self, job: u64, key: ShareKey) {
        match self
            .by_job
            .get_mut(&job)
            .and_then(|shares| shares.remove(&key))
        {
            Some(Verdict::Refused(_)) => self.refused -= 1,
            Some(Verdict::Credited | Verdict::Uncertain) => self.credited -= 1,
            None => {}
        }
    }

    /// Forgets the jobs before `oldest`, for which no share is taken any more.
    pub(crate) fn forget_jobs_before(&mut self, oldest: u64) {
        self.oldest_job = self.oldest_job.max(oldest);
        while let Some(entry) = self.by_job.first_entry()
            && *entry.key() < oldest
        {
            for verdict in entry.remove().into_values() {
                match verdict {
                    Verdict::Refused(_) => self.refused -= 1,
                    Verdict::Credited | Verdict::Uncertain => self.credited -= 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_credited_once_and_a_refusal_is_repeated() {
        let mut judged = Judged::default();
        assert!(judged.credit(1, ShareKey(7)));
        assert!(!judged.credit(1, ShareKey(7)));
        assert!(judged.credit(2, ShareKey(7)));
        judged.refuse(2, ShareKey(8), RejectReason::LowDifficulty);
        assert_eq!(
            judged.find(2, ShareKey(8)),
            Some(Verdict::Refused(RejectReason::LowDifficulty))
        );
        judged.doubt(1, ShareKey(7));
        assert_eq!(judged.find(1, ShareKey(7)), Some(Verdict::Uncertain));
        judged.forget(2, ShareKey(7));
        assert!(judged.credit(2, ShareKey(7)));
    }

    #[test]
    fn a_share_is_under_way_until_it_is_judged_or_let_go() {
        let mut judged = Judged::default();
        for number in 0..3 {
            judged.begin(1, ShareKey(number));
        }
        assert!(judged.credit(1, ShareKey(0)));
        judged.refuse(1, ShareKey(1), RejectReason::Stale);
        judged.let_go(1, ShareKey(2));
        assert!((0..3).all(|number| !judged.is_under_way(1, ShareKey(number))));
        judged.begin(2, ShareKey(0));
        judged.forget_jobs_before(3);
        assert!(!judged.credit(2, ShareKey(0)) && judged.under_way.is_empty());
    }

    #[test]
    fn the_first_verdict_on_a_share_stays_and_is_counted_once() {
        let mut judged = Judged::default();
        assert!(judged.credit(1, ShareKey(7)));
        judged.refuse(1, ShareKey(7), RejectReason::Stale);
        assert_eq!(judged.find(1, ShareKey(7)), Some(Verdict::Credited));
        judged.refuse(1, ShareKey(8), RejectReason::Stale);
        assert!(!judged.credit(1, ShareKey(8)));
        assert_eq!((judged.credited, judged.refused), (1, 1));
        judged.forget_jobs_before(2);
        assert_eq!((judged.credited, judged.refused), (0, 0));
    }

    #[test]
    fn memory_is_bounded_and_comes_back_with_old_jobs() {
        let mut judged = Judged::default();
        for number in 0..2 * REFUSED_MAX as u128 {
            judged.refuse(1, ShareKey(number), RejectReason::LowDifficulty);
        }
        assert_eq!(judged.refused, REFUSED_MAX);
        let mut number = u128::MAX;
        while judged.has_room() {
            assert!(judged.credit(1, ShareKey(number)));
            number -= 1;
        }
        assert_eq!(judged.credited, CREDITED_MAX);
        judged.forget_jobs_before(2);
        assert!(judged.has_room());
        assert!(
            !judged.credit(1, ShareKey(0)),
            "a share of a forgotten job may be a duplicate"
        );
        assert_eq!(
            (judged.credited, judged.refused, judged.by_job.len()),
            (0, 0, 0)
        );
    }
}

//! Who keeps a place when there are too few.
//!
//! A connection's rank rises with what it has shown: nothing, a name, the name of a worker the
//! ledger knows, an accepted share. When all places are taken, the next arrival gets one of the
//! lowest rank: the oldest connection that has not even said who it is. Some places are always left
//! to such connections, since everybody begins as one: when there are fewer, a worker makes room
//! that has shown nothing but a name, new ones before known ones, again the oldest first. Whoever
//! has had a share accepted on its connection is never sent away.
//!
//! So a node can be filled by strangers, and those who come to work still get in; and a name that
//! is known is worth less than work, since names are public.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dismissal::Dismissal;
use crate::limits::ConnectionLimits;

/// What a connection has shown of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Nothing yet.
    Stranger,
    /// Who it works for; the ledger has no work of this worker.
    New,
    /// The name of a worker the ledger knows.
    Known,
    /// An accepted share.
    Working,
}

const RANKS: usize = 4;

impl Rank {
    /// The label of its metric.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Stranger => "unauthorized",
            Self::New => "new",
            Self::Known => "known",
            Self::Working => "working",
        }
    }

    /// What one of it is told that makes room.
    pub(crate) fn farewell(self) -> &'static str {
        match self {
            Self::Stranger => {
                "the node is full, and the oldest connection that has not authorized makes room"
            }
            Self::New => {
                "the node is full and keeps its places for known workers, use another node"
            }
            Self::Known | Self::Working => {
                "the node is full, and this connection had no share accepted, use another node"
            }
        }
    }
}

/// One connection's claim to its place.
pub(crate) struct Ticket {
    pub(crate) number: u64,
    limits: Arc<ConnectionLimits>,
    /// Ends the connection.
    pub(crate) dismissal: Dismissal,
}

impl Ticket {
    pub(crate) fn new(number: u64, limits: Arc<ConnectionLimits>) -> Arc<Self> {
        Arc::new(Self {
            number,
            limits,
            dismissal: Dismissal::default(),
        })
    }

    /// The connection has said whom it works for; `false` when it is a new worker and the last
    /// places are kept for known ones.
    pub(crate) fn settle(&self, is_known: bool) -> bool {
        self.limits.settle(self.number, is_known)
    }

    /// The connection has had a share accepted.
    pub(crate) fn note_work(&self) {
        self.limits.raise(self.number, Rank::Working);
    }
}

/// All open connections by rank and age.
#[derive(Default)]
pub(crate) struct Places {
    by_rank: [BTreeMap<u64, Arc<Ticket>>; RANKS],
    /// Sent away and not gone yet.
    leaving: usize,
}

impl Places {
    /// Places that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.by_rank.iter().map(BTreeMap::len).sum()
    }

    pub(crate) fn leaving(&self) -> usize {
        self.leaving
    }

    /// Places of those who have said whom they work for.
    pub(crate) fn authorized(&self) -> usize {
        self.taken() - self.count(Rank::Stranger)
    }

    pub(crate) fn count(&self, rank: Rank) -> usize {
        self.by_rank[rank as usize].len()
    }

    /// A connection begins.
    pub(crate) fn enter(&mut self, ticket: Arc<Ticket>) {
        self.by_rank[Rank::Stranger as usize].insert(ticket.number, ticket);
    }

    /// A connection is gone.
    pub(crate) fn leave(&mut self, number: u64) {
        let had_place = self
            .by_rank
            .iter_mut()
            .any(|rank| rank.remove(&number).is_some());
        if !had_place {
            self.leaving = self.leaving.saturating_sub(1);
        }
    }

    /// Raises a connection; one of that rank or above stays where it is.
    pub(crate) fn raise(&mut self, number: u64, rank: Rank) {
        let (lower, higher) = self.by_rank.split_at_mut(rank as usize);
        let found = lower.iter_mut().find_map(|rank| rank.remove(&number));
        if let (Some(ticket), Some(place)) = (found, higher.first_mut()) {
            place.insert(number, ticket);
        }
    }

    /// Takes its place from whoever has shown least for longest, if anybody has to leave for an
    /// arrival while `hall` places are left to strangers.
    pub(crate) fn evict(&mut self, hall: usize) -> Option<(Rank, Arc<Ticket>)> {
        let is_crowded = self.count(Rank::Stranger) >= hall;
        let ranks = match is_crowded {
            true => [Rank::Stranger, Rank::New, Rank::Known],
            false => [Rank::New, Rank::Known, Rank::Stranger],
        };
        let evicted = ranks.into_iter().find_map(|rank| {
            let (_, ticket) = self.by_rank[rank as usize].pop_first()?;
            Some((rank, ticket))
        });
        self.leaving += usize::from(evicted.is_some());
        evicted
    }
}

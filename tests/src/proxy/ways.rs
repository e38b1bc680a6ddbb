//! How bytes pass from each node to each other, and changing it while they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

/// Whether bytes pass at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passage {
    /// They pass.
    #[default]
    Open,
    /// They wait, and nobody is told; new connections do not come about either.
    Held,
    /// Connections are reset and new ones refused.
    Broken,
}

/// How bytes pass from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Whether they pass.
    pub passage: Passage,
    /// Every piece takes so long.
    pub delay_ms: u64,
    /// And up to so much longer, at random.
    pub jitter_ms: u64,
    /// Of a thousand pieces so many are "lost": they and all that follow wait for `stall_ms`, as
    /// they do until TCP has sent a lost segment again.
    pub stalls_per_mille: u32,
    /// How long a lost piece takes.
    pub stall_ms: u64,
}

impl Way {
    /// Nothing passes, and nobody is told.
    pub const HELD: Self = Self::of(Passage::Held);
    /// Connections are reset and new ones refused.
    pub const BROKEN: Self = Self::of(Passage::Broken);

    const fn of(passage: Passage) -> Self {
        Self {
            passage,
            delay_ms: 0,
            jitter_ms: 0,
            stalls_per_mille: 0,
            stall_ms: 0,
        }
    }

    /// How long the next piece is under way.
    pub(super) fn latency(&self, random: &mut StdRng) -> Duration {
        let jitter = random.random_range(0..=self.jitter_ms);
        let is_lost = random.random_range(0..1_000) < self.stalls_per_mille;
        let stall = if is_lost { self.stall_ms } else { 0 };
        Duration::from_millis(self.delay_ms + jitter + stall)
    }
}

/// By the node the bytes come from and the one they go to.
type Senders = HashMap<(u64, u64), watch::Sender<Way>>;

/// All ways of a cluster; every copy is the same.
#[derive(Debug, Clone)]
pub struct Ways {
    seed: u64,
    senders: Arc<Mutex<Senders>>,
}

impl Ways {
    /// All open; `seed` decides the jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            senders: Arc::default(),
        }
    }

    /// Changes the way from one node to another.
    pub fn set(&self, from: u64, to: u64, way: Way) {
        self.with(from, to, |sender| sender.send_replace(way));
    }

    /// Changes the ways between two nodes.
    pub fn set_both(&self, one: u64, other: u64, way: Way) {
        self.set(one, other, way);
        self.set(other, one, way);
    }

    /// Opens every way.
    pub fn heal(&self) {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in senders.values() {
            sender.send_replace(Way::default());
        }
    }

    pub(super) fn watch(&self, from: u64, to: u64) -> watch::Receiver<Way> {
        self.with(from, to, watch::Sender::subscribe)
    }

    /// A source of jitter for one way of one connection.
    pub(super) fn random(&self, from: u64, to: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ (from << 16) ^ to)
    }

    fn with<T>(&self, from: u64, to: u64, act: impl FnOnce(&watch::Sender<Way>) -> T) -> T {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders
            .entry((from, to))
            .or_insert_with(|| watch::Sender::new(Way::default()));
        act(sender)
    }
}

//! How well a worker's shares have been lately: the ground of bans, and of who is served first.
//!
//! Only what is the miner's own fault counts. That a share was stale, that the pool was busy or
//! had no quorum, or that a job of another node was not known, says nothing about the miner, so a
//! failover never counts against anybody (promise P7, tried by
//! `what_a_failover_brings_along_counts_against_nobody`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// Parts of the window; it slides by one of them.
const SLOTS: usize = 10;
/// Most workers whose standing is kept; further ones have one that ends with their connection.
const STANDINGS_MAX: usize = 200_000;
/// How many times as many accepted as bad shares make a worker one to be trusted.
const TRUSTED_FACTOR: u64 = 4;

/// Counts of shares over a window that slides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    /// Work of the accepted ones, in hashes.
    pub(crate) work: u64,
    pub(crate) bad: u64,
}

impl Counts {
    pub(crate) fn all(self) -> u64 {
        self.accepted.saturating_add(self.bad)
    }
}

#[derive(Debug, Default)]
struct Window {
    /// Number of the newest slot.
    newest: u64,
    slots: [Counts; SLOTS],
}

impl Window {
    fn slide_to(&mut self, slot: u64) {
        if slot <= self.newest {
            return;
        }
        let passed = slot - self.newest;
        for step in 1..=passed.min(SLOTS as u64) {
            self.slots[place(self.newest.saturating_add(step))] = Counts::default();
        }
        self.newest = slot;
    }

    fn sum(&self) -> Counts {
        let add = |sum: Counts, slot: &Counts| Counts {
            accepted: sum.accepted.saturating_add(slot.accepted),
            work: sum.work.saturating_add(slot.work),
            bad: sum.bad.saturating_add(slot.bad),
        };
        self.slots.iter().fold(Counts::default(), add)
    }
}

fn place(slot: u64) -> usize {
    // The remainder is below `SLOTS`.
    (slot % SLOTS as u64) as usize
}

/// A worker that is banned, as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banned {
    pub(crate) reason: Arc<str>,
    pub(crate) since_ms: u64,
    pub(crate) until_ms: u64,
    /// Whether it is only what comes from one IP address under the worker's name.
    pub(crate) is_of_source: bool,
    /// Log index of the command that made the ban known to all nodes; `None` while only this node
    /// knows of it.
    pub(crate) stored_at: Option<u64>,
}

/// What comes from one IP address under one worker's name, over however many connections. Anybody
/// can use anybody's name, so what another address sends says nothing about this one.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) address: Arc<str>,
    pub(crate) worker: Arc<str>,
    /// The IP address, or the first one of its network.
    pub(crate) source: IpAddr,
    window: Mutex<Window>,
    ban: watch::Sender<Option<Banned>>,
    clock: SlotClock,
}

/// Turns time into numbers of slots.
#[derive(Debug, Clone, Copy)]
struct SlotClock {
    started: Instant,
    slot: Duration,
}

impl SlotClock {
    fn now(self) -> u64 {
        let slots = self.started.elapsed().as_millis() / self.slot.as_millis().max(1);
        u64::try_from(slots).unwrap_or(u64::MAX)
    }
}

impl Standing {
    fn new((address, worker): Key, source: IpAddr, clock: SlotClock, ban: Option<Banned>) -> Self {
        Self {
            address,
            worker,
            source,
            window: Mutex::default(),
            ban: watch::Sender::new(ban),
            clock,
        }
    }

    pub(crate) fn note_accepted(&self, difficulty: u64) {
        let mut window = self.window.lock();
        window.slide_to(self.clock.now());
        let slot = place(window.newest);
        let counts = &mut window.slots[slot];
        counts.accepted += 1;
        counts.work = counts.work.saturating_add(difficulty);
    }

    /// Counts a bad share; returns the counts with it.
    pub(crate) fn note_bad(&self) -> Counts {
        let mut window = self.window.lock();
        window.slide_to(self.clock.now());
        let slot = place(window.newest);
        window.slots[slot].bad += 1;
        window.sum()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut window = self.window.lock();
        window.slide_to(self.clock.now());
        window.sum()
    }

    /// Whether nothing speaks against serving it before strangers.
    pub(crate) fn is_trusted(&self) -> bool {
        let Counts { accepted, bad, .. } = self.counts();
        bad.saturating_mul(TRUSTED_FACTOR) <= accepted
    }

    /// The present ban, also one that is over and not forgotten yet.
    pub(crate) fn banned(&self) -> Option<Banned> {
        self.ban.borrow().clone()
    }

    /// Whether somebody is being told of a ban now.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Banned>> {
        self.ban.subscribe()
    }

    /// Bans the worker, unless it is; all its connections hear of it. What it did before is
    /// forgotten: it is what the ban is for.
    pub(crate) fn ban(&self, banned: Banned) -> bool {
        let is_new = self.ban.send_if_modified(|present| {
            let is_new = present.is_none();
            if is_new {
                *present = Some(banned);
            }
            is_new
        });
        if is_new {
            *self.window.lock() = Window::default();
        }
        is_new
    }

    /// Takes over what the ledger says of a ban.
    pub(crate) fn replace_ban(&self, banned: Option<Banned>) {
        if banned.is_some() {
            *self.window.lock() = Window::default();
        }
        self.ban.send_if_modified(|present| {
            let is_other = *present != banned;
            *present = banned;
            is_other
        });
    }

    /// The ban is known to all nodes now.
    pub(crate) fn note_stored(&self, index: u64) {
        self.ban.send_if_modified(|present| {
            if let Some(banned) = present {
                banned.stored_at = Some(index);
            }
            false
        });
    }

    /// Whether there is anything to remember when no connection has it any more.
    fn is_memorable(&self) -> bool {
        self.ban.borrow().is_some() || self.counts().bad > 0
    }
}

/// The standings of all workers this node has seen lately.
pub(crate) struct Standings {
    known: Mutex<Known>,
    clock: SlotClock,
}

#[derive(Default)]
struct Known {
    by_worker: HashMap<Key, Vec<Arc<Standing>>>,
    count: usize,
}

/// Address and worker.
type Key = (Arc<str>, Arc<str>);

impl Standings {
    pub(crate) fn new(window: Duration) -> Self {
        let slots = u32::try_from(SLOTS).unwrap_or(1);
        let clock = SlotClock {
            started: Instant::now(),
            slot: window / slots,
        };
        Self {
            known: Mutex::default(),
            clock,
        }
    }

    /// The standing of what comes from an IP address as a worker, which all these connections
    /// share.
    pub(crate) fn of(&self, address: &str, worker: &str, source: IpAddr) -> Arc<Standing> {
        let key: Key = (address.into(), worker.into());
        let mut guard = self.known.lock();
        let known = &mut *guard;
        let of_worker = known.by_worker.get(&key).map_or(&[][..], Vec::as_slice);
        if let Some(standing) = of_worker.iter().find(|one| one.source == source) {
            return standing.clone();
        }
        let is_whole = |banned: &Banned| !banned.is_of_source;
        let ban = of_worker
            .iter()
            .find_map(|one| one.banned().filter(is_whole));
        let standing = Arc::new(Standing::new(key.clone(), source, self.clock, ban));
        if known.count < STANDINGS_MAX {
            known.count += 1;
            known
                .by_worker
                .entry(key)
                .or_default()
                .push(standing.clone());
        }
        standing
    }

    /// The standings of a worker this node remembers.
    pub(crate) fn of_worker(&self, address: &str, worker: &str) -> Vec<Arc<Standing>> {
        let key = (address.into(), worker.into());
        let known = self.known.lock();
        known.by_worker.get(&key).cloned().unwrap_or_default()
    }

    /// Every standing that is kept.
    pub(crate) fn all(&self) -> Vec<Arc<Standing>> {
        let known = self.known.lock();
        known.by_worker.values().flatten().cloned().collect()
    }

    /// Forgets bans that are over, and whoever left without a bad share.
    pub(crate) fn forget(&self, now_ms: u64) {
        let mut known = self.known.lock();
        let mut count = 0;
        known.by_worker.retain(|_, of_worker| {
            of_worker.retain(|standing| {
                let is_over = |banned: &Banned| banned.until_ms <= now_ms;
                if standing.ban.borrow().as_ref().is_some_and(is_over) {
                    standing.replace_ban(None);
                }
                Arc::strong_count(standing) > 1 || standing.is_memorable()
            });
            count += of_worker.len();
            !of_worker.is_empty()
        });
        known.count = count;
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.known.lock().count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 2));

    fn banned() -> Banned {
        Banned {
            reason: "test".into(),
            since_ms: 1,
            until_ms: 100,
            is_of_source: false,
            stored_at: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_slides_and_is_shared_by_all_connections_of_a_worker() {
        let standings = Standings::new(WINDOW);
        let first = standings.of("xet:a", "rig", HOME);
        first.note_accepted(7);
        first.note_bad();
        let second = standings.of("xet:a", "rig", HOME);
        assert_eq!(
            second.note_bad(),
            Counts {
                accepted: 1,
                work: 7,
                bad: 2
            }
        );
        assert_eq!(
            standings.of("xet:a", "other", HOME).counts(),
            Counts::default()
        );

        tokio::time::advance(Duration::from_secs(540)).await;
        second.note_accepted(7);
        assert_eq!(
            first.counts(),
            Counts {
                accepted: 2,
                work: 14,
                bad: 2
            }
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            first.counts(),
            Counts {
                accepted: 1,
                work: 7,
                bad: 0
            }
        );
        tokio::time::advance(Duration::from_secs(6_000)).await;
        assert_eq!(first.counts(), Counts::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reconnect_does_not_wash_away_bad_shares_and_good_leavers_are_forgotten() {
        let standings = Standings::new(WINDOW);
        standings.of("xet:a", "bad", HOME).note_bad();
        standings.of("xet:a", "good", HOME).note_accepted(7);
        let present = standings.of("xet:a", "present", HOME);
        standings.forget(0);
        assert_eq!(standings.len(), 2);
        assert_eq!(standings.of("xet:a", "bad", HOME).counts().bad, 1);
        assert!(Arc::ptr_eq(
            &standings.of("xet:a", "present", HOME),
            &present
        ));

        tokio::time::advance(WINDOW).await;
        drop(present);
        standings.forget(0);
        assert_eq!(standings.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_is_told_once_outlives_its_connections_and_ends() {
        let standings = Standings::new(WINDOW);
        let standing = standings.of("xet:a", "rig", HOME);
        let mut told = standing.subscribe();
        standing.note_bad();
        assert!(standing.ban(banned()));
        assert!(!standing.ban(banned()), "it is banned already");
        assert!(told.has_changed().unwrap() && told.borrow_and_update().is_some());
        assert_eq!(standing.counts().bad, 0, "a ban is the end of the story");
        drop((standing, told));

        standings.forget(99);
        assert!(standings.of("xet:a", "rig", HOME).banned().is_some());
        standings.forget(100);
        assert_eq!(standings.of("xet:a", "rig", HOME).banned(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn trust_is_lost_by_bad_shares_and_won_back_by_good_ones() {
        let standing = Standings::new(WINDOW).of("xet:a", "rig", HOME);
        assert!(standing.is_trusted());
        standing.note_bad();
        assert!(!standing.is_trusted());
        for _ in 0..4 {
            standing.note_accepted(7);
        }
        assert!(standing.is_trusted());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_address_sends_under_the_same_name_is_its_own() {
        let standings = Standings::new(WINDOW);
        let (owner, other) = (
            standings.of("xet:a", "rig", HOME),
            standings.of("xet:a", "rig", ELSEWHERE),
        );
        other.note_bad();
        assert!(owner.is_trusted() && !other.is_trusted());
        other.ban(Banned {
            is_of_source: true,
            ..banned()
        });
        assert!(owner.banned().is_none());
        let third = IpAddr::from([203, 0, 113, 3]);
        assert!(standings.of("xet:a", "rig", third).banned().is_none());
        owner.ban(banned());
        let fourth = IpAddr::from([203, 0, 113, 4]);
        let fourth = standings.of("xet:a", "rig", fourth);
        assert_eq!(fourth.banned(), Some(banned()), "the whole worker");
        assert_eq!(standings.of_worker("xet:a", "rig").len(), 4);
    }
}

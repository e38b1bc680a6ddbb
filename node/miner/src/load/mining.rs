//! When the shares of one connection are due: by the clock, and whatever the pool does.

use std::time::Duration;

use tokio::time::Instant;

use super::chance::Chance;
use super::config::{LoadConfig, LoadProtocol, Rate};
use super::session::Session;

/// A timer that has nothing to do.
const LONG: Duration = Duration::from_secs(86_400);
/// Shares that are counted as overdue, at most, for each miner.
const OVERDUE_MAX: u64 = 100_000;

/// When shares of one connection are due.
pub(super) struct Mining {
    rate: Rate,
    /// Shares a second of this miner.
    per_second: f64,
    in_flight_max: usize,
    has_begun: bool,
    /// When the next share is due; absent before the load has begun, and without a rate.
    next: Option<Instant>,
    /// Since when there is room for a share: one that was due before has waited for the pool.
    has_room_since: Instant,
    is_full: bool,
    reconnect_at: Option<Instant>,
    /// Far enough away.
    never: Instant,
}

impl Mining {
    pub(super) fn new(config: &LoadConfig, chance: &mut Chance) -> Self {
        let now = Instant::now();
        let per_second = match config.rate {
            Rate::PerSecond(all) => all / config.connections as f64,
            Rate::Idle | Rate::Saturate => 0.0,
        };
        let every = config.reconnect_every;
        let every = every.map(|mean| chance.gap(1.0 / mean.as_secs_f64().max(0.001)));
        Self {
            rate: config.rate,
            per_second,
            in_flight_max: match config.protocol {
                LoadProtocol::Stratum => config.in_flight_max,
                LoadProtocol::Getwork => 1,
            },
            has_begun: false,
            next: None,
            has_room_since: now,
            is_full: false,
            reconnect_at: every.map(|after| now + after),
            never: now + LONG,
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub(super) fn begin(&mut self, chance: &mut Chance) {
        self.has_begun = true;
        self.next = match self.rate {
            Rate::PerSecond(_) => Some(Instant::now() + chance.gap(self.per_second)),
            Rate::Idle | Rate::Saturate => None,
        };
    }

    pub(super) fn is_time_to_reconnect(&self) -> bool {
        self.reconnect_at.is_some_and(|at| at <= Instant::now())
    }

    /// The shares that are due and have room, as messages to be sent.
    pub(super) fn due(&mut self, session: &mut Session, chance: &mut Chance) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        if !self.has_begun {
            return messages;
        }
        let now = Instant::now();
        while session.open() < self.in_flight_max {
            let due = match (self.rate, self.next) {
                (Rate::Saturate, _) => now,
                (Rate::PerSecond(_), Some(due)) if due <= now => {
                    self.next = Some(due + chance.gap(self.per_second));
                    due
                }
                _ => break,
            };
            let Some(message) = session.share(due, chance) else {
                break;
            };
            messages.push(message);
            if due >= self.has_room_since && self.rate != Rate::Saturate {
                session.note_lag(due);
            }
        }
        self.is_full = session.open() >= self.in_flight_max;
        messages
    }

    /// Notes whether an answer has made room.
    pub(super) fn note_room(&mut self, session: &Session) {
        if self.is_full && session.open() < self.in_flight_max {
            self.is_full = false;
            self.has_room_since = Instant::now();
        }
    }

    pub(super) fn next_wake(&self, session: &Session) -> Instant {
        let share = self.next.filter(|_| session.open() < self.in_flight_max);
        let times = [share, self.reconnect_at];
        let next = times.into_iter().flatten().min();
        next.unwrap_or(self.never)
    }

    /// Shares that should have been sent by now and were not.
    pub(super) fn overdue(&self, chance: &mut Chance) -> u64 {
        let now = Instant::now();
        let (mut next, mut overdue) = (self.next, 0);
        while let Some(due) = next.filter(|due| *due <= now && overdue < OVERDUE_MAX) {
            overdue += 1;
            next = Some(due + chance.gap(self.per_second));
        }
        overdue
    }
}

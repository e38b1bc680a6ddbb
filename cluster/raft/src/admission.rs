//! How much may be in flight, and what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raftpool_ledger::cluster::{Committed, ProposeError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::RaftNodeConfig;
use crate::status::ProposalCounts;

/// Semaphores count in `u32`; bytes are counted in units of this size.
const BYTES_UNIT: usize = 1 << 10;

/// Bounds what is in flight: openraft's own queues are bounded in messages, not in bytes.
pub(crate) struct Admission {
    commands: Arc<Semaphore>,
    units: Arc<Semaphore>,
    commands_max: usize,
    units_max: usize,
    committed: AtomicU64,
    not_accepted: AtomicU64,
    unknown: AtomicU64,
    stopped: AtomicU64,
}

/// Room for one proposal, given back when dropped.
pub(crate) struct Permit {
    _command: OwnedSemaphorePermit,
    _units: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(config: &RaftNodeConfig) -> Self {
        let commands_max = config.in_flight_max.clamp(1, Semaphore::MAX_PERMITS);
        let units_max = units_of(config.in_flight_bytes_max).min(u32::MAX as usize);
        Self {
            commands: Arc::new(Semaphore::new(commands_max)),
            units: Arc::new(Semaphore::new(units_max)),
            commands_max,
            units_max,
            committed: AtomicU64::new(0),
            not_accepted: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            stopped: AtomicU64::new(0),
        }
    }

    pub(crate) fn admit(&self, bytes: usize) -> Result<Permit, ProposeError> {
        let command = self.commands.clone().try_acquire_owned();
        // A command larger than everything may go alone.
        let units = units_of(bytes).min(self.units_max);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let units = self.units.clone().try_acquire_many_owned(units);
        match (command, units) {
            (Ok(command), Ok(units)) => Ok(Permit {
                _command: command,
                _units: units,
            }),
            _ => Err(ProposeError::NotAccepted(format!(
                "overloaded: {} proposals of about {} KiB are waiting to be committed",
                self.in_flight(),
                self.in_flight_bytes() >> 10,
            ))),
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        (self.commands_max - self.commands.available_permits()) as u64
    }

    pub(crate) fn in_flight_bytes(&self) -> u64 {
        ((self.units_max - self.units.available_permits()) * BYTES_UNIT) as u64
    }

    pub(crate) fn counts(&self) -> ProposalCounts {
        ProposalCounts {
            committed: self.committed.load(Ordering::Relaxed),
            not_accepted: self.not_accepted.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
            stopped: self.stopped.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn count(&self, result: &Result<Committed, ProposeError>) {
        let counter = match result {
            Ok(_) => &self.committed,
            Err(ProposeError::NotAccepted(_)) => &self.not_accepted,
            Err(ProposeError::Unknown(_)) => &self.unknown,
            Err(ProposeError::Stopped(_)) => &self.stopped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn units_of(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_UNIT).max(1)
}

#[cfg(test)]
mod tests {
    use raftpool_store::Identity;

    use super::*;

    fn admission(in_flight_max: usize, in_flight_bytes_max: usize) -> Admission {
        let identity = Identity {
            cluster_id: [1; 16],
            node_id: 1,
        };
        let mut config = RaftNodeConfig::new("unused", identity, Arc::new(|_| {}));
        (config.in_flight_max, config.in_flight_bytes_max) = (in_flight_max, in_flight_bytes_max);
        Admission::new(&config)
    }

    #[test]
    fn proposals_are_bounded_in_number_and_given_back() {
        let admission = admission(2, 1 << 20);
        let (first, _second) = (admission.admit(10).unwrap(), admission.admit(10).unwrap());
        let refused = admission.admit(10).err().unwrap();
        assert!(matches!(refused, ProposeError::NotAccepted(why) if why.starts_with("overloaded")));
        drop(first);
        admission.admit(10).unwrap();
        assert_eq!(admission.in_flight(), 1);
    }

    #[test]
    fn proposals_are_bounded_in_bytes_but_a_large_one_may_go_alone() {
        let admission = admission(100, 10 << 10);
        let large = admission.admit(1 << 20).unwrap();
        assert!(admission.admit(1).is_err());
        drop(large);
        let _half = admission.admit(5 << 10).unwrap();
        assert!(admission.admit(6 << 10).is_err());
        assert_eq!(admission.in_flight_bytes(), 5 << 10);
    }
}

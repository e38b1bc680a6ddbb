//! Proposing: what is let in, and what an answer of openraft means for whoever proposed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::errors::{ClientWriteError, Fatal, ForwardReason, ForwardToLeader, RaftError};
use prost::Message;
use raftpool_ledger::COMMAND_FORMAT;
use raftpool_ledger::cluster::{Committed, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_store::{Proposal, TypeConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::RaftNodeConfig;
use crate::node::RaftNode;
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

    fn admit(&self, bytes: usize) -> Result<Permit, ProposeError> {
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

    fn count(&self, result: &Result<Committed, ProposeError>) {
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

impl RaftNode {
    pub(crate) async fn propose_command(
        &self,
        command: Command,
    ) -> Result<Committed, ProposeError> {
        let result = self.propose_uncounted(command).await;
        self.admission.count(&result);
        result
    }

    async fn propose_uncounted(&self, command: Command) -> Result<Committed, ProposeError> {
        if let Some(reason) = self.stopped() {
            return Err(ProposeError::Stopped(reason));
        }
        self.check(&command)?;
        let permit = self.admission.admit(command.encoded_len())?;
        let raft = self.raft.clone();
        // A task of its own: whoever proposed may stop waiting, but the proposal stays in memory
        // until it is answered, and so long it must count as in flight.
        let write = self.runtime.spawn(async move {
            let result = raft.client_write(Proposal::new(command)).await;
            drop(permit);
            result
        });
        let timeout = self.config.propose_timeout;
        match tokio::time::timeout(timeout, write).await {
            Ok(Ok(Ok(written))) => Ok(Committed {
                index: written.log_id.index(),
                term: written.log_id.committed_leader_id().term,
                outcome: written.data.0,
            }),
            Ok(Ok(Err(error))) => Err(self.meaning_of(error)),
            Ok(Err(_)) => Err(ProposeError::Unknown(
                "the proposal's task ended".to_owned(),
            )),
            Err(_) => {
                let waited_ms = timeout.as_millis();
                Err(ProposeError::Unknown(format!(
                    "not committed within {waited_ms} ms"
                )))
            }
        }
    }

    /// Refuses what would stop every node when it is applied, or what no message could carry.
    fn check(&self, command: &Command) -> Result<(), ProposeError> {
        let refused = |reason: String| Err(ProposeError::NotAccepted(reason));
        if command.format != COMMAND_FORMAT {
            let format = command.format;
            return refused(format!(
                "command format {format}, this node writes {COMMAND_FORMAT}"
            ));
        }
        if command.body.is_none() {
            return refused("the command has no body".to_owned());
        }
        let (bytes, bytes_max) = (command.encoded_len(), self.config.command_bytes_max);
        if bytes > bytes_max {
            return refused(format!(
                "the command has {bytes} bytes, {bytes_max} are allowed"
            ));
        }
        Ok(())
    }

    fn meaning_of(
        &self,
        error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>,
    ) -> ProposeError {
        match error {
            RaftError::Fatal(fatal) => ProposeError::Stopped(match self.fail_stop.reason() {
                Some(reason) => reason.to_owned(),
                None if fatal == Fatal::Stopped => "the node was shut down".to_owned(),
                None => fatal.to_string(),
            }),
            RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
                ProposeError::NotAccepted(reason_of(&forward))
            }
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(forward)) => {
                let reason = reason_of(&forward);
                ProposeError::Unknown(format!("the leader changed after it was written: {reason}"))
            }
            RaftError::APIError(
                error @ (ClientWriteError::ChangeMembershipError(_)
                | ClientWriteError::PreconditionFailed(_)),
            ) => ProposeError::NotAccepted(error.to_string()),
        }
    }
}

fn reason_of(forward: &ForwardToLeader<TypeConfig>) -> String {
    let leader = match forward.leader_id {
        Some(leader) => format!("node {leader} leads"),
        None => "no leader is known".to_owned(),
    };
    match forward.reason {
        ForwardReason::NotLeader => leader,
        ForwardReason::LeadershipTransfer => format!("leadership is being handed over; {leader}"),
        ForwardReason::LeaseExpired => {
            format!("this node leads, but no majority answers it; {leader}")
        }
    }
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

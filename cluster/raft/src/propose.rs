//! Proposing: what is let in, who takes it, and what an answer means for whoever proposed.
//!
//! The leader writes a proposal; any other node passes it on to the leader, byte for byte. What is
//! certainly not in the log is tried again until the time is up; what may be in it is not, because
//! only the proposer can say that it is the same one.

use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{ClientWriteError, Fatal, ForwardReason, ForwardToLeader, RaftError};
use prost::Message;
use raftpool_ledger::COMMAND_FORMAT;
use raftpool_ledger::cluster::{Committed, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_store::{PoolNode, Proposal, TypeConfig};
use tokio::time::Instant;

use crate::admission::Permit;
use crate::network::{CallError, Purpose, outcome_of, peer};
use crate::node::RaftNode;

/// How often a command is passed on at most: to the leader, and from a former leader to the next.
pub(crate) const HOPS_MAX: u32 = 2;
/// Between two tries, unless leadership changes sooner.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(30);

/// How far the clock of whoever proposes may be ahead of the leader's. The ledger's time never goes
/// back: one wrong clock would keep everything that waits for a time from happening. It is long,
/// because a leader whose own clock is behind must not refuse what is right.
const CLOCK_AHEAD_MAX_MS: u64 = 600_000;

/// What came of handing a proposal to whoever seems to lead.
pub(crate) enum Attempt {
    /// It was decided, or cannot be known.
    Ended(Result<Committed, ProposeError>),
    /// It is not in the log, because nobody led it there.
    NotLed(String),
}

/// Why this node did not write a proposal.
enum NotWritten {
    /// It does not lead.
    Elsewhere(ForwardToLeader<TypeConfig>),
    Failed(ProposeError),
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

    /// Takes a command that another node passed on. It is tried once: the other one tries again.
    pub(crate) async fn propose_for_peer(&self, request: peer::ProposeRequest) -> Attempt {
        let timeout = Duration::from_millis(request.timeout_ms).min(self.config.propose_timeout);
        let deadline = Instant::now() + timeout;
        let refused = |error| Attempt::Ended(Err(error));
        let command = match Command::decode(request.command.clone()) {
            // What this program does not know would be lost on the way into its log.
            Ok(command) if command.encode_to_vec() == request.command => command,
            _ => {
                let reason = "the leader does not know all of the command: upgrade it";
                return refused(ProposeError::NotAccepted(reason.to_owned()));
            }
        };
        if let Err(error) = self
            .check(&command)
            .and_then(|()| self.check_clock(&command))
        {
            return refused(error);
        }
        match self.admission.admit(request.command.len()) {
            Ok(permit) => {
                let (proposal, permit) = (Proposal::new(command), Arc::new(permit));
                self.attempt(&proposal, &permit, deadline, request.hops)
                    .await
            }
            Err(error) => refused(error),
        }
    }

    async fn propose_uncounted(&self, command: Command) -> Result<Committed, ProposeError> {
        self.check(&command)?;
        let permit = Arc::new(self.admission.admit(command.encoded_len())?);
        let proposal = Proposal::new(command);
        let deadline = Instant::now() + self.config.propose_timeout;
        loop {
            match self.attempt(&proposal, &permit, deadline, 0).await {
                Attempt::Ended(result) => return result,
                Attempt::NotLed(reason) if Instant::now() + RETRY_PAUSE >= deadline => {
                    return Err(ProposeError::NotAccepted(reason));
                }
                Attempt::NotLed(_) => self.pause().await,
            }
        }
    }

    /// Proposes a command if this node leads. Nobody else is asked, and it is not checked whether its
    /// version is finalized.
    pub(crate) async fn propose_as_leader(&self, command: Command) -> Attempt {
        let deadline = Instant::now() + self.config.propose_timeout;
        match self.admission.admit(command.encoded_len()) {
            Ok(permit) => {
                let (proposal, permit) = (Proposal::new(command), Arc::new(permit));
                self.attempt(&proposal, &permit, deadline, HOPS_MAX).await
            }
            Err(error) => Attempt::Ended(Err(error)),
        }
    }

    /// Waits a little, or until leadership changes.
    pub(crate) async fn pause(&self) {
        let mut leadership = self.leadership.clone();
        leadership.mark_unchanged();
        let _ = tokio::time::timeout(RETRY_PAUSE, leadership.changed()).await;
    }

    async fn attempt(
        &self,
        proposal: &Proposal,
        permit: &Arc<Permit>,
        deadline: Instant,
        hops: u32,
    ) -> Attempt {
        if let Some(reason) = self.stopped() {
            return Attempt::Ended(Err(ProposeError::Stopped(reason)));
        }
        let forward = match self.write(proposal, permit, deadline).await {
            Ok(committed) => return Attempt::Ended(Ok(committed)),
            Err(NotWritten::Failed(error)) => return Attempt::Ended(Err(error)),
            Err(NotWritten::Elsewhere(forward)) => forward,
        };
        match (&forward.leader_id, &forward.leader_node) {
            (Some(leader), Some(node))
                if *leader != self.config.identity.node_id
                    && forward.reason == ForwardReason::NotLeader
                    && hops < HOPS_MAX =>
            {
                self.pass_on(proposal, *leader, node, deadline, hops + 1)
                    .await
            }
            _ => Attempt::NotLed(reason_of(&forward)),
        }
    }

    /// Writes a proposal into the log, if this node leads.
    async fn write(
        &self,
        proposal: &Proposal,
        permit: &Arc<Permit>,
        deadline: Instant,
    ) -> Result<Committed, NotWritten> {
        let (raft, proposal, permit) = (self.raft.clone(), proposal.clone(), permit.clone());
        // A task of its own: whoever proposed may stop waiting, but the proposal stays in memory
        // until it is answered, and so long it must count as in flight.
        let write = self.runtime.spawn(async move {
            let result = raft.client_write(proposal).await;
            drop(permit);
            result
        });
        let unknown = |reason: String| Err(NotWritten::Failed(ProposeError::Unknown(reason)));
        match tokio::time::timeout_at(deadline, write).await {
            Ok(Ok(Ok(written))) => Ok(Committed {
                index: written.log_id.index(),
                term: written.log_id.committed_leader_id().term,
                outcome: written.data.0,
            }),
            Ok(Ok(Err(error))) => Err(self.meaning_of(error)),
            Ok(Err(_)) => unknown("the proposal's task ended".to_owned()),
            Err(_) => unknown("not committed in time".to_owned()),
        }
    }

    /// Passes a proposal on to the leader, and waits until what came of it is applied here too.
    async fn pass_on(
        &self,
        proposal: &Proposal,
        leader: u64,
        node: &PoolNode,
        deadline: Instant,
        hops: u32,
    ) -> Attempt {
        use peer::propose_response::Result as Proposed;
        let Some(channels) = &self.channels else {
            return Attempt::NotLed(format!("node {leader} leads, but this node has no peers"));
        };
        let ended = |error| Attempt::Ended(Err(error));
        let timeout = deadline.saturating_duration_since(Instant::now());
        let message = peer::ProposeRequest {
            command: proposal.command().encode_to_vec().into(),
            hops,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        let call = channels.call(
            (leader, &node.peer_address),
            Purpose::Forward,
            timeout,
            message,
            |mut client, request| async move { client.propose(request).await },
        );
        let answer = tokio::select! {
            answer = call => answer,
            // It may be dead without a sign; the next leader knows whether it wrote anything.
            () = self.other_leader(leader) => {
                let reason = format!("node {leader} did not answer, and leads no more");
                return ended(ProposeError::Unknown(reason));
            }
        };
        match answer {
            Ok(answer) => match answer.result {
                Some(Proposed::Committed(committed)) => {
                    Attempt::Ended(self.applied_here(committed, deadline).await)
                }
                Some(Proposed::NotLeader(reason)) => Attempt::NotLed(reason),
                Some(Proposed::NotAccepted(reason)) => ended(ProposeError::NotAccepted(reason)),
                Some(Proposed::Unknown(reason)) => ended(ProposeError::Unknown(reason)),
                None => ended(ProposeError::Unknown("the answer has no result".to_owned())),
            },
            Err(error @ CallError::NotSent { .. }) => Attempt::NotLed(error.to_string()),
            Err(error @ CallError::Refused { .. }) => {
                ended(ProposeError::NotAccepted(error.to_string()))
            }
            Err(error @ CallError::NoAnswer { .. }) => {
                ended(ProposeError::Unknown(error.to_string()))
            }
        }
    }

    async fn applied_here(
        &self,
        committed: peer::Committed,
        deadline: Instant,
    ) -> Result<Committed, ProposeError> {
        let (index, term) = (committed.index, committed.term);
        let unknown = |reason: String| ProposeError::Unknown(reason);
        let outcome = committed.outcome.and_then(outcome_of).ok_or_else(|| {
            unknown(format!(
                "entry {index} has an outcome this program does not know"
            ))
        })?;
        if !self.wait_applied(index, deadline).await {
            return Err(unknown(format!(
                "entry {index} was not applied here in time"
            )));
        }
        Ok(Committed {
            index,
            term,
            outcome,
        })
    }

    /// Waits until an index is applied here; returns whether it is.
    pub(crate) async fn wait_applied(&self, index: u64, deadline: Instant) -> bool {
        let mut applied = self.reader.applied();
        let reached = applied.wait_for(|applied| applied.is_some_and(|applied| applied >= index));
        matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_)))
    }

    /// Ends when another node than `leader` leads.
    pub(crate) async fn other_leader(&self, leader: u64) {
        let mut leadership = self.leadership.clone();
        let other = |known: &raftpool_ledger::cluster::Leadership| {
            known.leader_id.is_some_and(|known| known != leader)
        };
        if leadership.wait_for(other).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Refuses what would stop every node when it is applied, or what no message could carry.
    fn check_clock(&self, command: &Command) -> Result<(), ProposeError> {
        let Some(clock) = &self.config.clock else {
            return Ok(());
        };
        match command.proposed_at_ms.saturating_sub(clock.now_ms()) {
            0..=CLOCK_AHEAD_MAX_MS => Ok(()),
            ahead_ms => Err(ProposeError::NotAccepted(format!(
                "the clock of the node that proposes is {} s ahead of the leader's: set them right",
                ahead_ms / 1_000
            ))),
        }
    }

    fn check(&self, command: &Command) -> Result<(), ProposeError> {
        if let Some(reason) = self.stopped() {
            return Err(ProposeError::Stopped(reason));
        }
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
        self.check_version(command)?;
        let (bytes, bytes_max) = (command.encoded_len(), self.config.command_bytes_max);
        if bytes > bytes_max {
            return refused(format!(
                "the command has {bytes} bytes, {bytes_max} are allowed"
            ));
        }
        Ok(())
    }

    fn meaning_of(&self, error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> NotWritten {
        NotWritten::Failed(match error {
            RaftError::Fatal(fatal) => ProposeError::Stopped(match self.fail_stop.reason() {
                Some(reason) => reason.to_owned(),
                None if fatal == Fatal::Stopped => "the node was shut down".to_owned(),
                None => fatal.to_string(),
            }),
            RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
                return NotWritten::Elsewhere(forward);
            }
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(forward)) => {
                let reason = reason_of(&forward);
                ProposeError::Unknown(format!("the leader changed after it was written: {reason}"))
            }
            RaftError::APIError(
                error @ (ClientWriteError::ChangeMembershipError(_)
                | ClientWriteError::PreconditionFailed(_)),
            ) => ProposeError::NotAccepted(error.to_string()),
        })
    }
}

pub(crate) fn reason_of(forward: &ForwardToLeader<TypeConfig>) -> String {
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

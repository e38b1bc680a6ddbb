//! The types openraft is instantiated with, pinned in one place.

use std::fmt;
use std::sync::Arc;

use raftpool_ledger::Outcome;
use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;

openraft::declare_raft_types!(
    /// Raft as this pool uses it: commands in, outcomes out, nodes by number.
    pub TypeConfig:
        D = Proposal,
        R = Response,
        NodeId = u64,
        Node = PoolNode,
);

/// Position of an entry: term and node of the leader that wrote it, and its index.
pub type LogId = openraft::alias::LogIdOf<TypeConfig>;
/// One entry of the log.
pub type Entry = openraft::alias::EntryOf<TypeConfig>;
/// What this node has voted for.
pub type Vote = openraft::alias::VoteOf<TypeConfig>;
/// Voters and learners.
pub type Membership = openraft::Membership<u64, PoolNode>;
/// A membership and the entry that set it.
pub type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
/// What a snapshot covers.
pub type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;

/// How a member of the cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolNode {
    /// Host and port of its peer listener; empty in a cluster of one that never had one.
    pub peer_address: String,
    /// The largest node id the cluster had ever seen when this was written, or 0; the largest of
    /// all members counts. It outlives the node that had the id, so that no id is given twice.
    pub ids_up_to: u64,
}

/// A command on its way through the log. Cloning it shares the command.
#[derive(Clone, PartialEq)]
pub struct Proposal(Arc<Command>);

impl Proposal {
    /// Wraps a command.
    pub fn new(command: Command) -> Self {
        Self(Arc::new(command))
    }

    /// The command.
    pub fn command(&self) -> &Command {
        &self.0
    }
}

impl fmt::Display for Proposal {
    /// Names the kind and counts: what is inside is nobody's business in a log file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.body {
            None => write!(f, "no body"),
            Some(Body::CreditShares(batch)) => {
                let (shares, workers) = (batch.shares.len(), batch.workers.len());
                write!(f, "credit_shares(shares: {shares}, workers: {workers})")
            }
            Some(Body::RecordBlock(_)) => write!(f, "record_block"),
            Some(Body::SettleBlock(_)) => write!(f, "settle_block"),
            Some(Body::DistributeBlock(_)) => write!(f, "distribute_block"),
            Some(Body::OrphanBlock(_)) => write!(f, "orphan_block"),
            Some(Body::ReopenBlock(_)) => write!(f, "reopen_block"),
            Some(Body::ReservePayout(payout)) => {
                write!(f, "reserve_payout(payees: {})", payout.payees.len())
            }
            Some(Body::SignPayout(payout)) => {
                write!(f, "sign_payout(tx_bytes: {})", payout.tx.len())
            }
            Some(Body::ConfirmPayout(_)) => write!(f, "confirm_payout"),
            Some(Body::ReleasePayout(_)) => write!(f, "release_payout"),
            Some(Body::PausePayouts(_)) => write!(f, "pause_payouts"),
            Some(Body::ApprovePayout(_)) => write!(f, "approve_payout"),
            Some(Body::RejectPayout(_)) => write!(f, "reject_payout"),
            Some(Body::AbandonPayout(_)) => write!(f, "abandon_payout"),
            Some(Body::ReconcilePayouts(_)) => write!(f, "reconcile_payouts"),
            Some(Body::HoldAddress(_)) => write!(f, "hold_address"),
            Some(Body::SetMinerPreferences(_)) => write!(f, "set_miner_preferences"),
            Some(Body::ChangeSettings(_)) => write!(f, "change_settings"),
            Some(Body::MoveFunds(_)) => write!(f, "move_funds"),
            Some(Body::FinalizeVersion(finalize)) => {
                write!(f, "finalize_version({})", finalize.version)
            }
            Some(Body::MakeToken(_)) => write!(f, "make_token"),
            Some(Body::RevokeToken(_)) => write!(f, "revoke_token"),
            Some(Body::RequireToken(_)) => write!(f, "require_token"),
            Some(Body::OpenOwnerSession(_)) => write!(f, "open_owner_session"),
            Some(Body::CloseOwnerSession(_)) => write!(f, "close_owner_session"),
            Some(Body::ChangeByOwner(_)) => write!(f, "change_by_owner"),
            Some(Body::BanWorker(_)) => write!(f, "ban_worker"),
            Some(Body::LiftBan(_)) => write!(f, "lift_ban"),
            Some(Body::PublishNetworkSample(sample)) => {
                write!(f, "publish_network_sample(blocks: {})", sample.blocks)
            }
            Some(Body::ReportBlock(_)) => write!(f, "report_block"),
            Some(Body::AcknowledgeBlock(_)) => write!(f, "acknowledge_block"),
        }
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What applying an entry gave; [`Outcome::Nothing`] for entries without a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response(pub Outcome);

#[cfg(test)]
mod tests {
    use raftpool_ledger::command::{CreditShares, Share};

    use super::*;

    #[test]
    fn proposal_display_counts_and_hides_the_payload() {
        let share = Share {
            miner: "xel:secret".into(),
            ..Share::default()
        };
        let body = Body::CreditShares(CreditShares {
            shares: vec![share],
            ..Default::default()
        });
        let proposal = Proposal::new(Command {
            body: Some(body),
            ..Command::default()
        });
        assert_eq!(proposal.to_string(), "credit_shares(shares: 1, workers: 0)");
        assert!(!format!("{proposal:?}").contains("secret"));
    }
}

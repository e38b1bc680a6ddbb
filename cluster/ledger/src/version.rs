//! Versions of the commands: what each needs, and how far the cluster may go.
//!
//! During an upgrade programs of two versions apply the same log, and one that meets a command it does
//! not know stops. So a new kind of command has a version, and is proposed only when the cluster
//! has finalized this version; that happens by a command of its own, once every member has said
//! that it knows it. What is finalized is part of the books: it is never lowered, and new nodes
//! learn it with the log.

use raftpool_proto::ledger as row;

use crate::apply::{ApplyError, Stop};
use crate::books::Books;
use crate::command::{FinalizeVersion, command::Body};
use crate::settings::{check_reason, invalid};
use crate::{Outcome, Rejection, key};

/// The newest version of commands that this program knows: the largest one of
/// [`version_needed`]. A program announces it to the others.
pub const COMMAND_VERSION: u32 = 2;

/// The version of everything that was there before versions were finalized: what a program that
/// announces none knows, and what may be used in a cluster that has finalized none.
pub const FIRST_COMMAND_VERSION: u32 = 1;

/// The smallest version that a cluster must have finalized so that a command may be proposed: the one
/// table of what came when. A new field of a command that is here already needs the new version when
/// it is set, because a program that does not know it would lose it: look at the command, not only at
/// its kind.
pub fn version_needed(body: &Body) -> u32 {
    match body {
        Body::CreditShares(_)
        | Body::RecordBlock(_)
        | Body::SettleBlock(_)
        | Body::OrphanBlock(_)
        | Body::DistributeBlock(_)
        | Body::PublishNetworkSample(_)
        | Body::ReportBlock(_)
        | Body::AcknowledgeBlock(_)
        | Body::ReopenBlock(_)
        | Body::ReservePayout(_)
        | Body::SignPayout(_)
        | Body::ConfirmPayout(_)
        | Body::ReleasePayout(_)
        | Body::ApprovePayout(_)
        | Body::RejectPayout(_)
        | Body::AbandonPayout(_)
        | Body::HoldAddress(_)
        | Body::SetMinerPreferences(_)
        | Body::ChangeSettings(_)
        | Body::MoveFunds(_)
        | Body::MakeToken(_)
        | Body::RevokeToken(_)
        | Body::RequireToken(_)
        | Body::OpenOwnerSession(_)
        | Body::CloseOwnerSession(_)
        | Body::ChangeByOwner(_)
        | Body::BanWorker(_)
        | Body::LiftBan(_) => FIRST_COMMAND_VERSION,
        // An older program would let payouts be resumed without a reconciliation.
        Body::PausePayouts(pause) if pause.until_reconciled => 2,
        Body::PausePayouts(_) => FIRST_COMMAND_VERSION,
        Body::ReconcilePayouts(_) => 2,
        // The step itself: who proposes it has asked every member instead.
        Body::FinalizeVersion(_) => 2,
    }
}

/// A command is newer than what the cluster has finalized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the command needs version {needed} of the commands, and the cluster has finalized version \
     {finalized}: all nodes must be upgraded, then `raftpool cluster finalize` lets it be used"
)]
pub struct NotFinalized {
    /// What [`version_needed`] says of the command.
    pub needed: u32,
    /// What the books say.
    pub finalized: u32,
}

/// Refuses what a cluster that has finalized a version may not use.
///
/// # Errors
/// When more is needed than is finalized.
pub fn check_finalized(needed: u32, finalized: u32) -> Result<(), NotFinalized> {
    match needed <= finalized {
        true => Ok(()),
        false => Err(NotFinalized { needed, finalized }),
    }
}

/// What is finalized, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalizedVersion {
    /// Commands up to this version may be used.
    pub version: u32,
    /// Log index of the command that raised it; 0 when none has.
    pub index: u64,
    /// When that was, by the ledger's time.
    pub time_ms: u64,
    /// By whom.
    pub author: String,
    /// Why.
    pub reason: String,
}

impl FinalizedVersion {
    /// As the books have it, or the first one when they have none.
    pub(crate) fn of(record: Option<row::FinalizedVersion>) -> Self {
        let record = record.unwrap_or_else(|| row::FinalizedVersion {
            version: FIRST_COMMAND_VERSION,
            ..row::FinalizedVersion::default()
        });
        Self {
            version: record.version,
            index: record.index,
            time_ms: record.time_ms,
            author: record.author,
            reason: record.reason,
        }
    }
}

/// Raises the finalized version.
pub(crate) fn finalize(books: &mut Books<'_>, command: &FinalizeVersion) -> Result<Outcome, Stop> {
    let given = command.version;
    if given > COMMAND_VERSION {
        // Programs that know it raise it; one that does not must not go on without them.
        return Err(Stop::Fatal(ApplyError::UnknownVersion { version: given }));
    }
    if given == 0 {
        return Err(invalid("version", "must be above 0").into());
    }
    check_reason(&command.reason)?;
    let (proposed, written) = (command.term, books.entry.term);
    if proposed != written {
        return Err(Rejection::Fenced { proposed, written }.into());
    }
    let finalized = FinalizedVersion::of(books.get(&key::finalized_version())?).version;
    if given < finalized {
        return Err(Rejection::VersionLowered { given, finalized }.into());
    }
    if given > finalized {
        let record = row::FinalizedVersion {
            version: given,
            index: books.entry.index,
            time_ms: books.time_ms,
            author: books.author.to_owned(),
            reason: command.reason.clone(),
        };
        books.put(key::finalized_version(), &record);
    }
    Ok(Outcome::VersionFinalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_finalized_may_be_used() {
        assert_eq!(check_finalized(1, 1), Ok(()));
        assert_eq!(check_finalized(2, 3), Ok(()));
        let refused = check_finalized(3, 2).unwrap_err().to_string();
        assert!(refused.contains("needs version 3"), "{refused}");
        assert!(refused.contains("finalized version 2"), "{refused}");
        assert!(refused.contains("raftpool cluster finalize"), "{refused}");
    }
}

//! Which versions of commands may be used here, and raising that when every member is new enough.
//!
//! A command is refused before it is in the log when the cluster has not finalized its version. To
//! finalize one is the leader's business: it asks every member, with the membership held still,
//! and writes a command that says so. A node that is added later must know the version as well.
//! So no member ever meets a command that it does not know, unless somebody puts an older program
//! in place after the version was finalized.

mod timer;

use raftpool_ledger::cluster::{ProposeError, ReadError, read};
use raftpool_ledger::command::{Command, FinalizeVersion, command::Body};
use raftpool_ledger::version::{FinalizedVersion, check_finalized, version_needed};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{FIRST_COMMAND_VERSION, Outcome, compose};

use crate::ask::NodeStatus;
use crate::error::RaftNodeError;
use crate::membership::{Change, ChangeError, Member};
use crate::network::peer;
use crate::node::RaftNode;
use crate::propose::Attempt;

pub(crate) use timer::finalize_in_time;

impl RaftNode {
    /// Up to which version commands may be used, as far as this node has applied the log.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn finalized_version(&self) -> Result<FinalizedVersion, ReadError> {
        read(self, |state| LedgerView::new(state).finalized_version())
    }

    /// What speaks against finalizing a version: a member that does not know it or cannot be asked,
    /// or this node itself. `None` when nothing does.
    pub async fn obstacle_to_finalizing(&self, version: u32) -> Option<String> {
        let (id, known) = (self.config.identity.node_id, self.config.command_version);
        if version > known {
            return Some(too_old(id, known, version));
        }
        let survey = self.survey().await;
        if survey.is_empty() {
            return Some(format!("node {id} is not a member of a cluster"));
        }
        obstacle_in(&survey, version)
    }

    /// Lets commands up to a version be used, after every member has said that it knows them. May be
    /// asked for again.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] with the reason when a member does not know the version or cannot be
    /// asked; the others as with changes of the members.
    pub async fn finalize(
        &self,
        version: u32,
        author: &str,
        reason: &str,
    ) -> Result<(), ChangeError> {
        let finalized = self.finalized_version();
        if finalized.is_ok_and(|finalized| finalized.version >= version) {
            return Ok(());
        }
        // Asked here first: a leader of the first version would not understand the change.
        if let Some(obstacle) = self.obstacle_to_finalizing(version).await {
            return Err(ChangeError::Refused(obstacle));
        }
        let (author, reason) = (author.to_owned(), reason.to_owned());
        self.change(Change::Finalize {
            version,
            author,
            reason,
        })
        .await
    }

    /// Finalizes on the leader, which holds the membership still meanwhile.
    pub(crate) async fn finalize_here(
        &self,
        version: u32,
        author: String,
        reason: String,
    ) -> Result<(), ChangeError> {
        // Fences the command: another leader may have other members.
        let term = self.leadership.borrow().term;
        if let Some(obstacle) = self.obstacle_to_finalizing(version).await {
            return Err(ChangeError::Refused(obstacle));
        }
        let now_ms = self.config.clock.as_ref().map_or(0, |clock| clock.now_ms());
        let finalize = FinalizeVersion {
            version,
            reason,
            term,
        };
        let command = compose(author, now_ms, Body::FinalizeVersion(finalize));
        match self.propose_as_leader(command).await {
            Attempt::NotLed(reason) | Attempt::Ended(Err(ProposeError::NotAccepted(reason))) => {
                Err(ChangeError::NotLed(reason))
            }
            Attempt::Ended(Err(ProposeError::Unknown(reason) | ProposeError::Stopped(reason))) => {
                Err(ChangeError::Unknown(reason))
            }
            Attempt::Ended(Ok(committed)) => match committed.outcome {
                Outcome::VersionFinalized => {
                    tracing::info!(version, "commands up to this version may be used");
                    Ok(())
                }
                Outcome::Rejected(rejection) => Err(ChangeError::Refused(rejection.to_string())),
                other => Err(ChangeError::Refused(format!("finalizing led to {other:?}"))),
            },
        }
    }

    /// Refuses a command that a member may not know.
    pub(crate) fn check_version(&self, command: &Command) -> Result<(), ProposeError> {
        let Some(body) = &command.body else {
            return Ok(());
        };
        let refused = |reason: String| Err(ProposeError::NotAccepted(reason));
        if matches!(body, Body::FinalizeVersion(_)) {
            let reason = "a version is finalized by `raftpool cluster finalize`, which asks every \
                          member whether it knows it";
            return refused(reason.to_owned());
        }
        let needed = version_needed(body);
        // Nearly all of them: nothing has to be read.
        if needed <= FIRST_COMMAND_VERSION {
            return Ok(());
        }
        match self.finalized_version() {
            Ok(finalized) => check_finalized(needed, finalized.version)
                .or_else(|refusal| refused(refusal.to_string())),
            Err(error) => refused(error.to_string()),
        }
    }

    /// Refuses to add a node that would stop at a command which may be used already.
    pub(crate) fn check_newcomer(&self, status: &peer::StatusResponse) -> Result<(), ChangeError> {
        let finalized = self.finalized_version();
        let finalized = finalized.map_err(|error| ChangeError::NotLed(error.to_string()))?;
        let known = announced(status.command_version);
        if known >= finalized.version {
            return Ok(());
        }
        Err(ChangeError::Refused(too_old(
            status.node_id,
            known,
            finalized.version,
        )))
    }

    /// Refuses to run on books that are of a newer version than this program.
    pub(crate) fn check_own_version(&self) -> Result<(), RaftNodeError> {
        let finalized = self.finalized_version();
        let finalized = finalized.map_err(|error| self.failed(error.to_string()))?;
        let known = self.config.command_version;
        if finalized.version <= known {
            return Ok(());
        }
        Err(RaftNodeError::NewerCommands {
            finalized: finalized.version,
            known,
        })
    }
}

/// The version a node knows, by what it says: programs from before versions say none.
pub(crate) fn announced(command_version: u32) -> u32 {
    command_version.max(FIRST_COMMAND_VERSION)
}

fn too_old(node_id: u64, known: u32, wanted: u32) -> String {
    format!(
        "node {node_id} knows commands up to version {known} and not version {wanted}: upgrade node \
         {node_id} first"
    )
}

fn obstacle_in(survey: &[(Member, Result<NodeStatus, String>)], version: u32) -> Option<String> {
    survey.iter().find_map(|(member, status)| {
        let id = member.node_id;
        match status {
            Err(reason) => Some(format!(
                "node {id} is not reachable, and may be older: {reason}"
            )),
            Ok(status) if status.command_version < version => {
                Some(too_old(id, status.command_version, version))
            }
            Ok(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node_id: u64) -> Member {
        Member {
            node_id,
            address: String::new(),
            is_voter: node_id < 3,
            is_leader: node_id == 1,
            matched_index: None,
            lag: None,
            silent_ms: None,
        }
    }

    fn status(command_version: u32) -> Result<NodeStatus, String> {
        Ok(NodeStatus {
            role: String::new(),
            term: 1,
            leader_id: Some(1),
            last_log_index: 0,
            applied_index: 0,
            command_format: 1,
            command_version,
            finalized_version: 1,
            checkpoints: Vec::new(),
        })
    }

    #[test]
    fn every_member_must_know_a_version_learners_too_and_who_does_not_is_named() {
        let survey = |last| {
            vec![
                (member(1), status(2)),
                (member(2), status(3)),
                (member(3), last),
            ]
        };
        assert_eq!(obstacle_in(&survey(status(2)), 2), None);
        let old = obstacle_in(&survey(status(1)), 2).unwrap();
        assert!(
            old.contains("node 3 knows commands up to version 1"),
            "{old}"
        );
        let silent = obstacle_in(&survey(Err("refused".into())), 2).unwrap();
        assert!(silent.contains("node 3 is not reachable"), "{silent}");
        let ahead = obstacle_in(&survey(status(2)), 3).unwrap();
        assert!(
            ahead.contains("node 1 knows commands up to version 2"),
            "{ahead}"
        );
    }

    #[test]
    fn a_program_that_announces_nothing_knows_the_first_version() {
        assert_eq!(announced(0), 1);
        assert_eq!(announced(2), 2);
    }
}

//! Proposing a change, and what is known of its fate.

use std::time::Duration;

use raftpool_ledger::cluster::{Committed, ProposeError};
use raftpool_ledger::command::Command;
use raftpool_ledger::{Cluster, Outcome};

use crate::problem::{self, Problem};

/// Longest time a proposal is waited for, should the cluster itself know no bound.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Proposes a command and waits until it is applied; gives the log index it stands at.
///
/// # Errors
/// When the ledger refuses it, or it was not committed; the problem says which of both, and whether
/// the command may still take effect.
pub(crate) async fn propose(cluster: &dyn Cluster, command: Command) -> Result<u64, Problem> {
    let proposed = tokio::time::timeout(PROPOSE_TIMEOUT, cluster.propose(command)).await;
    let answer = proposed.unwrap_or_else(|_| {
        let detail = format!("no answer within {PROPOSE_TIMEOUT:?}");
        Err(ProposeError::Unknown(detail))
    });
    match answer {
        Ok(Committed {
            index,
            outcome: Outcome::Rejected(rejection),
            ..
        }) => Err(Problem::new(problem::REFUSED, rejection.to_string()).at(index)),
        Ok(Committed { index, .. }) => Ok(index),
        Err(error) => Err(not_committed(&error)),
    }
}

fn not_committed(error: &ProposeError) -> Problem {
    let (kind, known) = match error {
        ProposeError::NotAccepted(_) => (
            problem::NOT_ACCEPTED,
            "nothing has changed and nothing will: it may be asked for again",
        ),
        ProposeError::Unknown(_) => (
            problem::OUTCOME_UNKNOWN,
            "the change may or may not take effect: look at the status before asking again",
        ),
        ProposeError::Stopped(_) => (
            problem::NODE_STOPPED,
            "look at the status of another node before asking again",
        ),
    };
    Problem::new(kind, format!("{error}; {known}"))
}

//! What speaks against a change of the membership.

use std::collections::BTreeSet;

use super::{Result, refused};
use crate::membership::Member;
use crate::network::peer;

/// Whether a node that is no member has a log that this cluster did not give it. A leader that was
/// cut off while it added the node has filled the log of one that does not vote; the next leader
/// corrects that as any other follower's.
pub(super) fn has_own_log(node_id: u64, status: &peer::StatusResponse) -> bool {
    let mut members = status.members.iter();
    let votes = members.any(|member| member.node_id == node_id && member.is_voter);
    status.is_initialized && (votes || status.members.is_empty())
}

/// Refuses a vote for a node that the cluster would have to wait for.
pub(super) fn check_caught_up(member: &Member) -> Result {
    let node_id = member.node_id;
    if !member.is_heard() {
        return refused(format!("node {node_id} does not answer"));
    }
    match member.lag {
        Some(_) if member.has_caught_up() => Ok(()),
        Some(lag) => refused(format!(
            "node {node_id} is {lag} entries behind: wait for it"
        )),
        None => refused(format!(
            "it is not known how far behind node {node_id} is: wait for it"
        )),
    }
}

pub(super) fn check_two(voters: &BTreeSet<u64>, is_forced: bool) -> Result {
    if voters.len() != 2 || is_forced {
        return Ok(());
    }
    refused("two voters are worse than one: the loss of either stops the cluster (can be forced)")
}

/// Refuses voters of which no majority answers.
pub(super) fn check_majority(members: &[Member], voters: &BTreeSet<u64>) -> Result {
    let silent: Vec<_> = members
        .iter()
        .filter(|member| voters.contains(&member.node_id) && !member.is_heard())
        .map(|member| member.node_id.to_string())
        .collect();
    let heard = voters.len() - silent.len();
    if heard > voters.len() / 2 {
        return Ok(());
    }
    refused(format!(
        "of the {} voters there would be, only {heard} answer; silent: node {}",
        voters.len(),
        silent.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_that_a_node_was_not_given_as_a_learner_is_its_own() {
        let member = |node_id, is_voter| peer::Member {
            node_id,
            is_voter,
            ..peer::Member::default()
        };
        let status = |is_initialized, members: &[peer::Member]| peer::StatusResponse {
            is_initialized,
            members: members.to_vec(),
            ..peer::StatusResponse::default()
        };
        assert!(!has_own_log(4, &status(false, &[])));
        // It has founded a cluster, or voted before it knew of any.
        assert!(has_own_log(4, &status(true, &[member(4, true)])));
        assert!(has_own_log(4, &status(true, &[])));
        // A leader has begun to add it, and got as far as its own entry or not.
        let others = [member(1, true), member(2, true), member(4, false)];
        assert!(!has_own_log(4, &status(true, &others)));
        assert!(!has_own_log(4, &status(true, &others[..2])));
    }
}

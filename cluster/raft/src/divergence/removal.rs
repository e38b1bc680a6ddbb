//! Whether a node was removed, from what it and its peers know of the members.

use std::collections::BTreeSet;

use openraft::RaftMetrics;
use raftpool_store::TypeConfig;

use crate::change::ids_up_to;
use crate::network::peer;

/// The members as one node knows them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MembersKnown {
    /// Index of the entry that made them the members; 0 when there is none.
    index: u64,
    /// Newest index the node has applied.
    applied_index: u64,
    /// The largest node id that was ever a member's.
    ids_up_to: u64,
    ids: BTreeSet<u64>,
}

impl MembersKnown {
    /// What this node knows.
    pub(super) fn here(metrics: &RaftMetrics<TypeConfig>) -> Self {
        let stored = &metrics.membership_config;
        let nodes = || stored.membership().nodes();
        Self {
            index: stored.log_id().map_or(0, |log_id| log_id.index()),
            applied_index: metrics.last_applied.map_or(0, |log_id| log_id.index()),
            ids_up_to: ids_up_to(nodes()),
            ids: nodes().map(|(node_id, _)| *node_id).collect(),
        }
    }

    /// What a peer has told.
    pub(super) fn told(status: &peer::StatusResponse) -> Self {
        Self {
            index: status.members_index,
            applied_index: status.applied_index,
            ids_up_to: status.ids_up_to,
            ids: status.members.iter().map(|member| member.node_id).collect(),
        }
    }

    /// The entry by which, or before which, a node was removed.
    ///
    /// Ids are given in ascending order and never again, so one that is missing although it, or a
    /// larger one, was a member's stays missing. Members that are not yet committed say nothing:
    /// they may be taken back.
    pub(super) fn removal_of(&self, node_id: u64) -> Option<u64> {
        let is_committed = self.index > 0 && self.applied_index >= self.index;
        let was_given = self.ids_up_to >= node_id;
        let is_missing = !self.ids.is_empty() && !self.ids.contains(&node_id);
        (is_committed && was_given && is_missing).then_some(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ids: &[u64], ids_up_to: u64, index: u64, applied_index: u64) -> MembersKnown {
        MembersKnown {
            index,
            applied_index,
            ids_up_to,
            ids: ids.iter().copied().collect(),
        }
    }

    #[test]
    fn only_committed_members_that_lack_a_given_id_tell_of_a_removal() {
        let removal = |known: MembersKnown| known.removal_of(3);
        assert_eq!(removal(known(&[1, 2], 3, 30, 30)), Some(30));
        assert_eq!(removal(known(&[1, 2, 4], 4, 30, 50)), Some(30));
        assert_eq!(removal(known(&[1, 2, 3], 3, 30, 30)), None);
        assert_eq!(removal(known(&[1, 2], 3, 30, 29)), None, "not committed");
        assert_eq!(removal(known(&[1, 2], 2, 30, 30)), None, "not yet added");
        assert_eq!(removal(known(&[], 3, 30, 30)), None, "says nothing");
        assert_eq!(removal(known(&[1, 2], 3, 0, 30)), None, "changed meanwhile");
    }
}

//! What follows from the digests that nodes have told: a function of them and of the voters.

use std::collections::{BTreeMap, BTreeSet};

use raftpool_store::Checkpoint;

pub(super) type Digest = [u8; 32];

/// Digests kept of each peer; the newest ones are compared, older ones say nothing more.
const KEPT_MAX: usize = 256;

/// A difference between two ledgers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// More than half of the voters agree on another digest than this node's.
    OwnIsWrong {
        index: u64,
        own: Digest,
        theirs: Digest,
        nodes: Vec<u64>,
    },
    /// A peer differs from this node, with which more than half of the voters agree.
    PeerIsWrong(Difference),
    /// A peer differs from this node, and no digest is known to be that of more than half of the
    /// voters.
    Undecided(Difference),
}

/// What this node and a peer have at an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) node_id: u64,
    pub(super) index: u64,
    pub(super) own: Digest,
    pub(super) theirs: Digest,
}

/// What one round of asking has shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Differences that were not told before.
    pub(super) findings: Vec<Finding>,
    /// Newest index at which all who answered agree with this node.
    pub(super) agreed_index: Option<u64>,
    /// Newest index at which more than half of the voters agree with this node.
    pub(super) confirmed_index: Option<u64>,
}

/// Everybody's digests, and what was already told of them.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// What peers have told, by node and index.
    told_by: BTreeMap<u64, BTreeMap<u64, Digest>>,
    /// Newest index at which a difference to a peer was reported.
    reported: BTreeMap<u64, u64>,
    /// Peers that differed without a majority in the round before. Such a difference is reported
    /// when it is seen again: the others may only not have been heard yet.
    suspected: BTreeSet<u64>,
}

/// Of one index: who has which digest.
struct Groups {
    own: Digest,
    by_digest: BTreeMap<Digest, Vec<u64>>,
}

impl Comparison {
    /// Takes up what the members other than this node have answered in one round (`None`: no
    /// answer) and judges it against this node's own checkpoints.
    pub(super) fn judge(
        &mut self,
        own_id: u64,
        voters: &BTreeSet<u64>,
        own: &[Checkpoint],
        answers: BTreeMap<u64, Option<Vec<Checkpoint>>>,
    ) -> Judgement {
        // Who is no member any more has no say.
        self.told_by.retain(|node, _| answers.contains_key(node));
        let answered: Vec<u64> = answers
            .iter()
            .filter_map(|(node, answer)| answer.as_ref().map(|_| *node))
            .collect();
        for (node, checkpoints) in answers {
            self.note(node, checkpoints.unwrap_or_default());
        }
        let mut judgement = Judgement::default();
        let (mut decided, mut undecided) = (BTreeMap::new(), BTreeMap::new());
        for checkpoint in own {
            let groups = self.groups(own_id, *checkpoint);
            if self.all_agree(&answered, *checkpoint) {
                judgement.agreed_index = Some(checkpoint.index);
            }
            let majority = groups.majority(voters);
            match majority {
                Some((theirs, nodes)) if theirs != groups.own => {
                    judgement.findings = vec![Finding::OwnIsWrong {
                        index: checkpoint.index,
                        own: groups.own,
                        theirs,
                        nodes,
                    }];
                    return judgement;
                }
                Some(_) => judgement.confirmed_index = Some(checkpoint.index),
                None => {}
            }
            for difference in groups.differences(checkpoint.index) {
                let newest = match majority {
                    Some(_) => &mut decided,
                    None => &mut undecided,
                };
                newest.insert(difference.node_id, difference);
            }
        }
        judgement.findings = self.unreported(&decided, undecided);
        judgement
    }

    fn note(&mut self, node: u64, checkpoints: Vec<Checkpoint>) {
        let digests = self.told_by.entry(node).or_default();
        digests.extend(checkpoints.iter().map(|each| (each.index, each.digest)));
        while digests.len() > KEPT_MAX {
            digests.pop_first();
        }
    }

    fn groups(&self, own_id: u64, own: Checkpoint) -> Groups {
        let mut by_digest = BTreeMap::from([(own.digest, vec![own_id])]);
        for (node, digests) in &self.told_by {
            if let Some(digest) = digests.get(&own.index) {
                by_digest.entry(*digest).or_default().push(*node);
            }
        }
        let own = own.digest;
        Groups { own, by_digest }
    }

    fn all_agree(&self, answered: &[u64], own: Checkpoint) -> bool {
        let agrees = |node: &u64| {
            let digests = self.told_by.get(node);
            digests.and_then(|digests| digests.get(&own.index)) == Some(&own.digest)
        };
        !answered.is_empty() && answered.iter().all(agrees)
    }

    /// The newest difference to each peer, unless it was reported before.
    fn unreported(
        &mut self,
        decided: &BTreeMap<u64, Difference>,
        mut undecided: BTreeMap<u64, Difference>,
    ) -> Vec<Finding> {
        // What is decided at one index is decided for good: digests never meet again.
        undecided.retain(|node, _| !decided.contains_key(node));
        let suspected = std::mem::take(&mut self.suspected);
        self.suspected = undecided.keys().copied().collect();
        undecided.retain(|node, _| suspected.contains(node));
        let decided = decided.values().copied().map(Finding::PeerIsWrong);
        let undecided = undecided.into_values().map(Finding::Undecided);
        let mut findings: Vec<_> = decided.chain(undecided).collect();
        findings.retain(|finding| match finding {
            Finding::PeerIsWrong(difference) | Finding::Undecided(difference) => {
                let newest = self.reported.entry(difference.node_id).or_default();
                let is_new = *newest < difference.index;
                *newest = difference.index.max(*newest);
                is_new
            }
            Finding::OwnIsWrong { .. } => true,
        });
        findings
    }
}

impl Groups {
    /// The digest that more than half of the voters have, and all who have it.
    fn majority(&self, voters: &BTreeSet<u64>) -> Option<(Digest, Vec<u64>)> {
        self.by_digest.iter().find_map(|(digest, nodes)| {
            let votes = nodes.iter().filter(|node| voters.contains(node)).count();
            (votes * 2 > voters.len()).then(|| (*digest, nodes.clone()))
        })
    }

    fn differences(&self, index: u64) -> impl Iterator<Item = Difference> {
        let own = self.own;
        let others = self
            .by_digest
            .iter()
            .filter(move |(digest, _)| **digest != own);
        others.flat_map(move |(theirs, nodes)| {
            nodes.iter().map(move |node_id| Difference {
                node_id: *node_id,
                index,
                own,
                theirs: *theirs,
            })
        })
    }
}

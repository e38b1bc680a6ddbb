use std::collections::{BTreeMap, BTreeSet};

use raftpool_store::Checkpoint;

use super::comparison::{Comparison, Difference, Finding, Judgement};
use super::list;

const GOOD: [u8; 32] = [1; 32];
const BAD: [u8; 32] = [2; 32];
const WORSE: [u8; 32] = [3; 32];

fn at(index: u64, digest: [u8; 32]) -> Checkpoint {
    Checkpoint { index, digest }
}

/// Node 1 among voters 1 to `voters`, with a ledger that is good up to index 128.
struct Bench {
    comparison: Comparison,
    voters: BTreeSet<u64>,
    own: Vec<Checkpoint>,
}

impl Bench {
    fn new(voters: u64, own: [u8; 32]) -> Self {
        Self {
            comparison: Comparison::default(),
            voters: (1..=voters).collect(),
            own: vec![at(64, GOOD), at(128, own)],
        }
    }

    /// A round in which the peers answer what they have at index 128, or nothing.
    fn round(&mut self, answers: &[(u64, Option<[u8; 32]>)]) -> Judgement {
        let answers = answers.iter().map(|(node, digest)| {
            let answer = digest.map(|digest| vec![at(64, GOOD), at(128, digest)]);
            (*node, answer)
        });
        self.judge(answers.collect())
    }

    fn judge(&mut self, answers: BTreeMap<u64, Option<Vec<Checkpoint>>>) -> Judgement {
        self.comparison.judge(1, &self.voters, &self.own, answers)
    }
}

fn difference(node_id: u64, own: [u8; 32], theirs: [u8; 32]) -> Difference {
    Difference {
        node_id,
        index: 128,
        own,
        theirs,
    }
}

#[test]
fn nodes_that_agree_are_confirmed_and_nothing_is_found() {
    let mut bench = Bench::new(3, GOOD);
    for _ in 0..3 {
        let judgement = bench.round(&[(2, Some(GOOD)), (3, Some(GOOD))]);
        let expected = Judgement {
            findings: vec![],
            agreed_index: Some(128),
            confirmed_index: Some(128),
        };
        assert_eq!(judgement, expected);
    }
}

#[test]
fn node_that_differs_from_more_than_half_of_the_voters_is_wrong_at_once() {
    let mut bench = Bench::new(3, BAD);
    let judgement = bench.round(&[(2, Some(GOOD)), (3, Some(GOOD))]);
    let expected = Finding::OwnIsWrong {
        index: 128,
        own: BAD,
        theirs: GOOD,
        nodes: vec![2, 3],
    };
    assert_eq!(judgement.findings, [expected]);
    // A learner is wrong as well, though it has no vote.
    let mut bench = Bench::new(3, BAD);
    bench.voters = BTreeSet::from([2, 3, 4]);
    let judgement = bench.round(&[(2, Some(GOOD)), (3, Some(GOOD)), (4, None)]);
    assert!(matches!(
        judgement.findings[..],
        [Finding::OwnIsWrong { .. }]
    ));
}

#[test]
fn learners_have_no_say() {
    let mut bench = Bench::new(3, GOOD);
    let answers = [(2, None), (3, None), (4, Some(BAD)), (5, Some(BAD))];
    assert_eq!(bench.round(&answers).findings, []);
    let undecided = [4, 5].map(|node| Finding::Undecided(difference(node, GOOD, BAD)));
    assert_eq!(bench.round(&answers).findings, undecided);
}

#[test]
fn peer_is_wrong_when_more_than_half_of_the_voters_agree_with_this_node() {
    let mut bench = Bench::new(3, GOOD);
    let answers = [(2, Some(GOOD)), (3, Some(BAD))];
    let judgement = bench.round(&answers);
    let expected = Finding::PeerIsWrong(difference(3, GOOD, BAD));
    assert_eq!(judgement.findings, [expected]);
    assert_eq!(judgement.agreed_index, Some(64));
    assert_eq!(judgement.confirmed_index, Some(128));
    assert_eq!(bench.round(&answers).findings, [], "told once");
}

#[test]
fn without_a_majority_nobody_is_wrong_and_it_is_told_once() {
    let mut bench = Bench::new(3, GOOD);
    let answers = [(2, Some(BAD)), (3, None)];
    let first = bench.round(&answers);
    assert_eq!(first.findings, [], "node 3 may only be late");
    assert_eq!(first.confirmed_index, Some(64));
    let expected = [Finding::Undecided(difference(2, GOOD, BAD))];
    assert_eq!(bench.round(&answers).findings, expected);
    assert_eq!(bench.round(&answers).findings, []);
    // Three that all differ are no majority either.
    let mut bench = Bench::new(3, GOOD);
    let answers = [(2, Some(BAD)), (3, Some(WORSE))];
    bench.round(&answers);
    let findings = bench.round(&answers).findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    // Nor is half of the voters.
    let mut bench = Bench::new(4, BAD);
    let answers = [(2, Some(GOOD)), (3, Some(GOOD)), (4, Some(BAD))];
    bench.round(&answers);
    let findings = bench.round(&answers).findings;
    assert!(
        findings
            .iter()
            .all(|finding| matches!(finding, Finding::Undecided(_)))
    );
    assert_eq!(findings.len(), 2);
}

#[test]
fn voter_that_is_heard_later_decides() {
    for (third, is_own_right) in [(GOOD, true), (BAD, false)] {
        let mut bench = Bench::new(3, GOOD);
        bench.round(&[(2, Some(BAD)), (3, None)]);
        bench.round(&[(2, Some(BAD)), (3, None)]);
        // Node 2 does not answer now, but what it said stays true.
        let judgement = bench.round(&[(2, None), (3, Some(third))]);
        assert_eq!(judgement.confirmed_index == Some(128), is_own_right);
        let is_wrong = matches!(judgement.findings[..], [Finding::OwnIsWrong { .. }]);
        assert_eq!(is_wrong, !is_own_right);
    }
}

#[test]
fn peer_that_is_ahead_or_behind_is_compared_where_both_have_been() {
    let mut bench = Bench::new(3, BAD);
    let ahead = vec![at(128, GOOD), at(192, GOOD)];
    let behind = vec![at(64, GOOD)];
    let answers = BTreeMap::from([(2, Some(ahead)), (3, Some(behind))]);
    let judgement = bench.judge(answers);
    assert_eq!(judgement.findings, []);
    assert_eq!(judgement.agreed_index, None, "node 2 tells of 64 no more");
    assert_eq!(judgement.confirmed_index, Some(64));
    // Nothing new from node 2, which was heard already.
    let judgement = bench.round(&[(2, None), (3, Some(GOOD))]);
    assert!(matches!(
        judgement.findings[..],
        [Finding::OwnIsWrong { index: 128, .. }]
    ));
}

#[test]
fn removed_member_has_no_say_any_more() {
    let mut bench = Bench::new(3, BAD);
    bench.round(&[(2, Some(GOOD)), (3, None)]);
    bench.voters = BTreeSet::from([1, 3, 4]);
    let judgement = bench.round(&[(3, Some(GOOD)), (4, None)]);
    assert_eq!(judgement.findings, []);
    assert_eq!(judgement.confirmed_index, Some(64));
}

#[test]
fn what_peers_tell_is_kept_within_bounds() {
    let mut bench = Bench::new(3, GOOD);
    let many = (0..1_000).map(|number| at(number * 64, GOOD)).collect();
    let judgement = bench.judge(BTreeMap::from([(2, Some(many)), (3, None)]));
    assert_eq!(judgement.agreed_index, None, "what is old was let go");
}

#[test]
fn nodes_are_listed_in_words() {
    let texts = [list(&[2]), list(&[2, 3]), list(&[2, 3, 5])];
    assert_eq!(texts, ["node 2", "nodes 2 and 3", "nodes 2, 3 and 5"]);
}

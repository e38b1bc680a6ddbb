//! Which faults strike when: drawn at random, and the same for the same seed.
//!
//! There are two lanes that run at the same time: what happens on the links, and what happens to
//! nodes and disks. Within a lane one fault follows the other.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::fault::{Fault, Who};
use crate::proxy::{Passage, Way};

/// Faults of the links in a random schedule.
const LINK_STEPS: usize = 3;
/// Faults of nodes in a random schedule.
const NODE_STEPS: usize = 4;
/// Longest time a node stands still.
const FREEZE_MAX: Duration = Duration::from_secs(10);

/// One fault and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Quiet before it.
    pub pause: Duration,
    /// What happens.
    pub fault: Fault,
    /// How long it lasts.
    pub hold: Duration,
}

/// All faults of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// On the links, one after the other.
    pub links: Vec<Step>,
    /// To nodes and disks, one after the other.
    pub nodes: Vec<Step>,
}

impl Schedule {
    /// A random schedule.
    pub fn random(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self {
            links: (0..LINK_STEPS).map(|_| link_step(&mut random)).collect(),
            nodes: (0..NODE_STEPS).map(|_| node_step(&mut random)).collect(),
        }
    }
}

fn link_step(random: &mut StdRng) -> Step {
    let passage = match random.random_bool(0.5) {
        true => Passage::Held,
        false => Passage::Broken,
    };
    let fault = match random.random_range(0..7) {
        0 => Fault::CutOff(Who::Leader, passage),
        1 => Fault::CutOff(any_follower(random), passage),
        2 => Fault::CutAll(passage),
        3 => one_way(random),
        4 => Fault::Bridge(any(random)),
        _ => Fault::SlowLinks(slow(random)),
    };
    Step {
        pause: between(random, 500, 3_000),
        fault,
        hold: between(random, 800, 5_000),
    }
}

fn one_way(random: &mut StdRng) -> Fault {
    let (from, to) = match random.random_range(0..3) {
        0 => (Who::Leader, any_follower(random)),
        1 => (any_follower(random), Who::Leader),
        _ => (Who::Follower(0), Who::Follower(1)),
    };
    Fault::OneWay { from, to }
}

fn slow(random: &mut StdRng) -> Way {
    Way {
        passage: Passage::Open,
        delay_ms: random.random_range(1..60),
        jitter_ms: random.random_range(0..60),
        stalls_per_mille: random.random_range(0..30),
        stall_ms: random.random_range(100..400),
    }
}

fn node_step(random: &mut StdRng) -> Step {
    let who = any(random);
    let mut hold = between(random, 200, 4_000);
    let fault = match random.random_range(0..14) {
        0 | 1 => Fault::Kill(Who::Leader),
        2 => Fault::Kill(any_follower(random)),
        3 => Fault::KillAll,
        4 | 5 => {
            // Half to ten seconds, short ones more often.
            hold = Duration::from_millis(500 << random.random_range(0..6)).min(FREEZE_MAX);
            Fault::Freeze(who)
        }
        6 => Fault::RollingRestart,
        7 => Fault::FullDisk,
        8 => Fault::FailingSync(who),
        9 => Fault::SlowSync(who, random.random_range(20..600)),
        10 => Fault::Transfer(random.random_range(0..4)),
        11 => Fault::NewMember(who),
        12 => Fault::ReplaceWiped(who),
        _ => Fault::LongAbsence(who),
    };
    Step {
        pause: between(random, 300, 2_000),
        fault,
        hold,
    }
}

fn any(random: &mut StdRng) -> Who {
    match random.random_bool(0.5) {
        true => Who::Leader,
        false => any_follower(random),
    }
}

fn any_follower(random: &mut StdRng) -> Who {
    Who::Follower(random.random_range(0..4))
}

fn between(random: &mut StdRng, least_ms: u64, most_ms: u64) -> Duration {
    Duration::from_millis(random.random_range(least_ms..=most_ms))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    use super::*;

    #[test]
    fn a_seed_is_always_the_same_schedule_and_another_one_is_another() {
        assert_eq!(Schedule::random(7), Schedule::random(7));
        assert_ne!(Schedule::random(7), Schedule::random(8));
    }

    #[test]
    fn a_hundred_seeds_have_every_kind_of_fault_and_many_pairs_of_them() {
        let (mut kinds, mut pairs) = (Vec::new(), BTreeSet::new());
        for schedule in (0..100).map(Schedule::random) {
            for step in schedule.links.iter().chain(&schedule.nodes) {
                let kind = discriminant(&step.fault);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            for link in &schedule.links {
                let pair = |node: &Step| format!("{} | {}", link.fault, node.fault);
                pairs.extend(schedule.nodes.iter().map(pair));
            }
        }
        assert_eq!(kinds.len(), 16, "a kind of fault is never drawn");
        assert!(pairs.len() > 500, "{} pairs", pairs.len());
    }

    #[test]
    fn every_schedule_ends_in_bounded_time() {
        for schedule in (0..1_000).map(Schedule::random) {
            for lane in [&schedule.links, &schedule.nodes] {
                let time = |step: &Step| step.pause + step.hold;
                let total: Duration = lane.iter().map(time).sum();
                assert!(total < Duration::from_secs(60), "{total:?}");
            }
        }
    }
}

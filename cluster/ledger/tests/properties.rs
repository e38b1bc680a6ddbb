//! Random commands, among them repeated and stale ones, against a naive model, and the same
//! commands on several replicas.
//!
//! A failing case is printed, and its seed is written to `properties/regressions.txt`.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

#[path = "properties/model.rs"]
mod model;
#[path = "properties/owners.rs"]
mod owners;
#[path = "properties/rules.rs"]
mod rules;
#[path = "properties/steps.rs"]
mod steps;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use raftpool_ledger::command::Command;
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{EntryContext, Outcome, apply, compose, verify};

use model::Model;
use steps::{Step, steps};

/// Log entries: the settings first, then every step as a command; some are proposed again.
struct Log {
    entries: Vec<(EntryContext, Command)>,
}

impl Log {
    fn new(steps: &[Step]) -> Self {
        let mut log = Self {
            entries: Vec::new(),
        };
        let mut state = MemoryState::default();
        let mut term = 1;
        for body in steps::prologue() {
            log.append(&mut state, term, compose("operator", 1_000, body));
        }
        for (step, position) in steps.iter().zip(1..) {
            // Times that sometimes go back: the proposers' clocks differ.
            let day_ms = (position / 25) * 86_400_000;
            let now_ms = 1_000 + day_ms + (position * 7_919) % 50_000;
            let command = match step {
                Step::NewTerm => {
                    term += 1;
                    continue;
                }
                Step::Repeat(earlier) => log.entries[earlier % log.entries.len()].1.clone(),
                Step::Command(body) => compose("node 1", now_ms, body.clone()),
                Step::Payout(step) => compose(
                    "node 1",
                    now_ms,
                    step.resolve(&LedgerView::new(&state), term),
                ),
            };
            log.append(&mut state, term, command);
        }
        log
    }

    fn append(&mut self, state: &mut MemoryState, term: u64, command: Command) {
        let entry = EntryContext {
            index: self.entries.len() as u64 + 1,
            term,
        };
        let mut overlay = Overlay::new(state);
        apply(&mut overlay, entry, &command).unwrap();
        let changes = overlay.into_changes();
        state.commit(changes);
        self.entries.push((entry, command));
    }

    /// Applies all entries, committing after every `chunk` of them.
    fn replay(&self, chunk: usize) -> (MemoryState, Vec<Outcome>) {
        let mut state = MemoryState::default();
        let mut outcomes = Vec::new();
        for entries in self.entries.chunks(chunk) {
            let mut overlay = Overlay::new(&state);
            for (entry, command) in entries {
                outcomes.push(apply(&mut overlay, *entry, command).unwrap());
            }
            let changes = overlay.into_changes();
            state.commit(changes);
        }
        (state, outcomes)
    }
}

/// The stories must reach everything, or the properties below would say little.
#[test]
fn random_stories_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..3_000 {
        let story = steps(90).new_tree(&mut runner).unwrap().current();
        let (_, outcomes) = Log::new(&story).replay(1);
        for outcome in outcomes {
            let text = format!("{outcome:?}");
            let kind = text.split(['{', '(', ' ']).next().unwrap().to_owned();
            *counts.entry(kind).or_default() += 1;
        }
    }
    for kind in [
        "SharesCredited",
        "AlreadyCredited",
        "BlockRecorded",
        "BlockAlreadyRecorded",
        "BlockSettled",
        "BlockOrphaned",
        "BlockReopened",
        "BlockDistributed",
        "FundsMoved",
        "PayoutReserved",
        "PayoutSigned",
        "PayoutConfirmed",
        "PayoutReleased",
        "PayoutsPaused",
        "PayoutApproved",
        "PayoutRejected",
        "PayoutAbandoned",
        "PayoutsReconciled",
        "HoldSet",
        "PreferencesSet",
        "SettingsChanged",
        "TokenMade",
        "TokenRevoked",
        "TokenRequirementSet",
        "WorkerBanned",
        "BanLifted",
        "VersionFinalized",
        "Rejected",
    ] {
        assert!(
            counts.get(kind).is_some_and(|count| *count >= 20),
            "{kind}: {counts:?}"
        );
    }
}

fn config() -> ProptestConfig {
    let regressions = FileFailurePersistence::Direct("tests/properties/regressions.txt");
    ProptestConfig {
        cases: 3_600,
        failure_persistence: Some(Box::new(regressions)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn ledger_equals_the_naive_model_after_each_command(steps in steps(60)) {
        let log = Log::new(&steps);
        let mut state = MemoryState::default();
        let mut model = Model::default();
        for (entry, command) in &log.entries {
            let mut overlay = Overlay::new(&state);
            let outcome = apply(&mut overlay, *entry, command).unwrap();
            let changes = overlay.into_changes();
            state.commit(changes);
            let expected = model.apply(entry.term, command);
            prop_assert_eq!(model::summary(&outcome), expected, "{:?}", command);
            prop_assert_eq!(verify(&state).unwrap(), vec![], "{:?}", command);
            model.compare(&LedgerView::new(&state));
        }
    }

    #[test]
    fn replicas_agree_however_entries_are_chunked(steps in steps(80), chunk in 2_usize..40) {
        let log = Log::new(&steps);
        let (one, one_outcomes) = log.replay(1);
        let (other, other_outcomes) = log.replay(chunk);
        prop_assert_eq!(one_outcomes, other_outcomes);
        prop_assert_eq!(LedgerView::new(&one).digest().unwrap(), LedgerView::new(&other).digest().unwrap());
        prop_assert_eq!(one.pairs(), other.pairs());
    }

    #[test]
    fn repeating_a_whole_log_of_shares_and_blocks_changes_nothing(steps in steps(40)) {
        let mut log = Log::new(&steps);
        log.entries.retain(|(_, command)| steps::is_idempotent(command));
        let (before, _) = log.replay(1);
        let twice: Vec<_> = log.entries.iter().map(|(_, command)| command.clone()).collect();
        let last = log.entries.last().map_or(0, |(entry, _)| entry.index);
        let settings = compose("operator", 1_000, steps::first_settings());
        for (offset, command) in twice.into_iter().enumerate() {
            if command == settings {
                continue;
            }
            let index = last + offset as u64 + 1;
            log.entries.push((EntryContext { index, term: 1 }, command));
        }
        let (after, _) = log.replay(1);
        let (before, after) = (LedgerView::new(&before), LedgerView::new(&after));
        prop_assert_eq!(before.totals().unwrap().shares, after.totals().unwrap().shares);
        prop_assert_eq!(before.totals().unwrap().window_score, after.totals().unwrap().window_score);
        prop_assert_eq!(before.accounts().unwrap(), after.accounts().unwrap());
        prop_assert_eq!(before.blocks(None, 1000).unwrap(), after.blocks(None, 1000).unwrap());
    }
}

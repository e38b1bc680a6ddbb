//! A recorded log of every kind of command, and the records it leaves: what is stored and
//! replicated keeps its form, and the same log gives the same digest for ever.
//!
//! `UPDATE_EXPECT=1` records anew. A difference that is not meant is a ledger that cannot read what
//! an older program wrote, or two versions of it that diverge; one that is meant takes a new format.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

#[path = "golden/story.rs"]
mod story;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use prost::Message;
use raftpool_ledger::command::Command;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::state::{MemoryState, Overlay};
use raftpool_ledger::version::version_needed;
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{
    COMMAND_VERSION, EntryContext, FIRST_COMMAND_VERSION, apply, compose, verify,
};

use story::story;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/golden")
        .join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// The recorded commands, a line each.
fn recorded() -> Vec<Command> {
    let text = std::fs::read_to_string(path("log.txt")).unwrap();
    let command = |line| Command::decode(unhex(line).as_slice()).unwrap();
    text.lines().map(command).collect()
}

fn replay(log: &[Command]) -> (MemoryState, Vec<String>) {
    let mut state = MemoryState::default();
    let mut outcomes = Vec::new();
    for (command, index) in log.iter().zip(1..) {
        let mut overlay = Overlay::new(&state);
        let outcome = apply(&mut overlay, EntryContext { index, term: 1 }, command).unwrap();
        let changes = overlay.into_changes();
        state.commit(changes);
        outcomes.push(format!("{outcome:?}"));
    }
    (state, outcomes)
}

#[test]
fn a_recorded_log_gives_the_recorded_state_for_ever() {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path("")).unwrap();
        let commands = story().into_iter().zip(1_u64..);
        let lines = commands.map(|(body, position)| {
            let command = compose("golden", 200_000 * position, body);
            hex(&command.encode_to_vec()) + "\n"
        });
        std::fs::write(path("log.txt"), lines.collect::<String>()).unwrap();
    }
    let (state, outcomes) = replay(&recorded());
    assert_eq!(verify(&state).unwrap(), vec![]);
    let view = LedgerView::new(&state);
    let mut text = format!("digest {}\n", hex(&view.digest().unwrap()));
    for outcome in outcomes {
        writeln!(text, "outcome {outcome}").unwrap();
    }
    for (key, value) in state.pairs() {
        writeln!(text, "{} {}", hex(key), hex(value)).unwrap();
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path("state.txt"), &text).unwrap();
    }
    let wanted = std::fs::read_to_string(path("state.txt")).unwrap();
    for (line, (now, then)) in text.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(now, then, "line {} of state.txt", line + 1);
    }
    assert_eq!(text.lines().count(), wanted.lines().count());
}

/// What is recorded is what the program writes today, and nothing of it is left out.
#[test]
fn the_recorded_log_has_every_kind_of_command_and_record() {
    let commands = recorded();
    let bodies: Vec<Body> = commands
        .iter()
        .filter_map(|each| each.body.clone())
        .collect();
    assert_eq!(bodies, story(), "record the log anew");
    let name = |body: &Body| format!("{body:?}").split('(').next().unwrap().to_owned();
    let kinds: BTreeSet<String> = bodies.iter().map(name).collect();
    assert_eq!(kinds.len(), 31, "a new kind of command: {kinds:?}");
    let (state, outcomes) = replay(&commands);
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|each| each.contains("Rejected("))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    // The kind of a record is the fifth byte of its key.
    let found: BTreeSet<u8> = state.pairs().keys().map(|key| key[4]).collect();
    let wanted: BTreeSet<u8> = (0x01..=0x02)
        .chain(0x04..=0x09)
        .chain([0x0f])
        .chain([0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0x31])
        .chain(0x34..=0x37)
        .chain(0x40..=0x47)
        .chain(0x50..=0x55)
        .chain(0x60..=0x67)
        .chain(0x69..=0x6b)
        .collect();
    // Paused payouts, maturing blocks and blocks that are being handed out are over by then.
    assert_eq!(found, wanted);
}

/// The table of versions reaches as far as the program says, and no further.
#[test]
fn the_newest_version_of_the_commands_is_that_of_the_newest_command() {
    let needed = story().iter().map(version_needed).max();
    assert_eq!(needed, Some(COMMAND_VERSION));
    let first = story().iter().map(version_needed).min();
    assert_eq!(first, Some(FIRST_COMMAND_VERSION));
}

/// Damage to what means money or work is found by a full scan: a record that is missing, and an
/// index key of no record.
#[test]
fn a_full_scan_finds_every_missing_record_and_every_false_key() {
    let (state, _) = replay(&recorded());
    // Head, settings, pauses, what was changed, windows of batches, the finalized version, what owners
    // set, and the reserve's past are not derived from anything else.
    let is_derived = |key: &[u8]| !matches!(key[4], 0x01..=0x03 | 0x08 | 0x09 | 0x0f | 0x54 | 0x55 | 0x69..=0x6b);
    let mut missed = Vec::new();
    for key in state.pairs().keys().filter(|key| is_derived(key)) {
        let mut damaged = state.clone();
        damaged.commit([(key.clone(), None)].into());
        if verify(&damaged).unwrap().is_empty() {
            missed.push(format!("{} missing", hex(key)));
        }
    }
    let indexes = [0x22, 0x24, 0x32, 0x46, 0x47, 0x62, 0x63, 0x64, 0x65, 0x68];
    for (key, value) in state.pairs() {
        if indexes.contains(&key[4]) {
            let (mut wrong, mut damaged) = (key.clone(), state.clone());
            wrong[12] ^= 1;
            damaged.commit([(wrong, Some(value.clone()))].into());
            if verify(&damaged).unwrap().is_empty() {
                missed.push(format!("{} too many", hex(key)));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

//! Runs the stories in `testdata/`: commands, and what is shown after them.
//!
//! A story is a sequence of paragraphs: lines of commands, a line `----`, and the recorded
//! output up to the next empty line. `UPDATE_EXPECT=1` records what comes out now. After each
//! command the whole state is verified, so that every story also tests the books.

// What tests are made of may stop a test like the tests themselves.
#![allow(clippy::unwrap_used)]

mod script;

use std::path::{Path, PathBuf};

use script::World;

#[test]
fn scripts_show_what_was_recorded() {
    let scripts = scripts();
    assert!(scripts.len() >= 8, "only {} scripts found", scripts.len());
    let is_recording = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut differences = Vec::new();
    for path in scripts {
        let recorded = std::fs::read_to_string(&path).unwrap();
        let present = replay(&path, &recorded);
        if recorded == present {
            continue;
        }
        if is_recording {
            std::fs::write(&path, present).unwrap();
        } else {
            differences.push(difference(&path, &recorded, &present));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The examples a miner can check a payment by: each fence is a story of its own.
#[test]
fn examples_of_the_documentation_come_out_as_they_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("EXAMPLES.md");
    let recorded = std::fs::read_to_string(&path).unwrap();
    let mut present = String::new();
    let mut examples = 0;
    let mut rest = recorded.as_str();
    while let Some((before, fenced)) = rest.split_once(FENCE) {
        let (example, after) = fenced.split_once("```\n").unwrap();
        present += before;
        present += FENCE;
        present += &replay(&path, example);
        present += "```\n";
        rest = after;
        examples += 1;
    }
    present += rest;
    assert!(examples >= 8, "only {examples} examples found");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &present).unwrap();
    } else {
        let difference = difference(&path, &recorded, &present);
        assert!(recorded == present, "{difference}");
    }
}

/// What an example begins with.
const FENCE: &str = "```ledger\n";

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    scripts.sort();
    scripts
}

/// The script with the output it has now.
fn replay(path: &Path, script: &str) -> String {
    let mut world = World::default();
    let mut present = String::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        present.push_str(line);
        present.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line != "----" {
            world
                .run(line)
                .unwrap_or_else(|error| panic!("{}: `{line}`: {error}", path.display()));
            continue;
        }
        lines.by_ref().find(|line| line.is_empty());
        present.push_str(&world.take_output());
        present.push('\n');
    }
    // The last paragraph has no empty line behind it.
    if present.ends_with("\n\n") {
        present.pop();
    }
    present
}

fn difference(path: &Path, recorded: &str, present: &str) -> String {
    let mut recorded = recorded.lines();
    let mut line = 0;
    for now in present.lines() {
        line += 1;
        let then = recorded.next().unwrap_or("(end)");
        if then != now {
            return format!(
                "{}:{line}:\n  recorded: {then}\n  now:      {now}",
                path.display()
            );
        }
    }
    format!(
        "{}:{line}: recorded goes on: {:?}",
        path.display(),
        recorded.next()
    )
}

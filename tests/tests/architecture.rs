//! The shape of the house, checked: crates, edges, what may reach what, and tidiness of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Who may depend on whom (ARCHITECTURE, code map). The binary and the tests may use everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("raftpool-proto", &[]),
    ("raftpool-ledger", &["raftpool-proto"]),
    ("raftpool-store", &["raftpool-proto", "raftpool-ledger"]),
    (
        "raftpool-raft",
        &["raftpool-proto", "raftpool-ledger", "raftpool-store"],
    ),
    ("raftpool-pow", &[]),
    ("raftpool-chain", &["raftpool-pow"]),
    ("raftpool-devnet", &["raftpool-chain", "raftpool-pow"]),
    (
        "raftpool-stratum",
        &["raftpool-ledger", "raftpool-chain", "raftpool-pow"],
    ),
    ("raftpool-payout", &["raftpool-ledger", "raftpool-chain"]),
    ("raftpool-api", &["raftpool-ledger"]),
    ("raftpool-miner", &["raftpool-chain", "raftpool-pow"]),
];

const MAY_USE_ALL: &[&str] = &["raftpool", "raftpool-tests"];

/// Libraries that must never reach a crate: they would make it impure, or slow to build.
const UNREACHABLE: &[(&str, &[&str])] = &[
    (
        "raftpool-ledger",
        &["tokio", "rocksdb", "librocksdb-sys", "openraft"],
    ),
    ("raftpool-stratum", &["rocksdb", "openraft"]),
    ("raftpool-payout", &["rocksdb", "openraft"]),
    ("raftpool-api", &["rocksdb", "openraft"]),
    ("raftpool-pow", &["tokio"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the root")
        .to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--locked".into(), "--offline".into()])
        .exec()
        .expect("cargo metadata")
}

#[test]
fn crates_depend_only_along_the_allowed_edges() {
    let metadata = metadata();
    let ours: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let known: BTreeSet<String> = ALLOWED
        .iter()
        .map(|(name, _)| *name)
        .chain(MAY_USE_ALL.iter().copied())
        .map(String::from)
        .collect();
    assert_eq!(
        ours, known,
        "the crate map of ARCHITECTURE and this table must name every crate"
    );

    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some((_, allowed)) = ALLOWED
            .iter()
            .find(|(name, _)| *name == package.name.as_str())
        else {
            continue;
        };
        for dependency in &package.dependencies {
            if ours.contains(&dependency.name) && !allowed.contains(&dependency.name.as_str()) {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "edges that the architecture does not allow: {wrong:?}"
    );
}

#[test]
fn pure_crates_stay_pure() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let names: BTreeMap<&PackageId, &str> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.as_str()))
        .collect();
    for (crate_name, forbidden) in UNREACHABLE {
        let start = metadata
            .workspace_packages()
            .into_iter()
            .find(|package| package.name.as_str() == *crate_name)
            .unwrap_or_else(|| panic!("no crate {crate_name}"));
        let mut reached = BTreeSet::new();
        let mut open = vec![&start.id];
        while let Some(id) = open.pop() {
            if !reached.insert(names[id]) {
                continue;
            }
            let node = resolve
                .nodes
                .iter()
                .find(|node| &node.id == id)
                .expect("a node");
            for dependency in &node.deps {
                let is_normal = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal);
                if is_normal {
                    open.push(&dependency.pkg);
                }
            }
        }
        let found: Vec<_> = forbidden
            .iter()
            .filter(|name| reached.contains(*name))
            .collect();
        assert!(found.is_empty(), "{found:?} must not reach {crate_name}");
    }
}

#[test]
fn only_the_store_links_rocksdb() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let links = package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == "rocksdb");
        assert_eq!(
            links,
            package.name.as_str() == "raftpool-store",
            "{}",
            package.name
        );
    }
}

#[test]
fn source_files_hold_one_idea_each() {
    let mut wrong = Vec::new();
    for file in source_files() {
        let text = std::fs::read_to_string(&file).expect("read a source file");
        let name = file
            .strip_prefix(root())
            .expect("inside the root")
            .display()
            .to_string();
        let is_test = name.contains("/tests") || is_tool(&name);
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let lines = code.lines().count();
        if !is_test && lines > 500 {
            wrong.push(format!("{name}: {lines} lines, 500 at most"));
        }
        // A child module of tests speaks of the module it stands in.
        if !text.starts_with("//!") && !text.starts_with("#!") && !name.ends_with("/tests.rs") {
            wrong.push(format!("{name}: does not begin with a module comment"));
        }
        for (number, line) in text.lines().enumerate().filter(|_| !is_test) {
            // Spelled apart so that this file does not find itself.
            for mark in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("unimple", "mented!"),
            ] {
                if line.contains(mark) {
                    wrong.push(format!("{name}:{}: {mark}", number + 1));
                }
            }
        }
        if text.contains(concat!("#[ig", "nore")) {
            wrong.push(format!("{name}: an ignored test"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn library_crates_read_no_clock_and_no_environment() {
    let mut wrong = Vec::new();
    for file in source_files() {
        let name = file
            .strip_prefix(root())
            .expect("inside the root")
            .display()
            .to_string();
        let is_library = !name.starts_with("node/src/") && !name.starts_with("tests/");
        if !is_library || name.contains("/tests") || is_tool(&name) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("read a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for forbidden in [
            "SystemTime::now",
            "std::env::var",
            "env::args",
            "rand::rng()",
            "rand::random",
        ] {
            if code.contains(forbidden) {
                wrong.push(format!("{name}: {forbidden}"));
            }
        }
    }
    assert!(wrong.is_empty(), "only the binary reads them: {wrong:?}");
}

/// Programs beside the crates: they are binaries of their own.
fn is_tool(name: &str) -> bool {
    name.contains("/benches/") || name.contains("/examples/") || name.ends_with("build.rs")
}

fn source_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = ["proto", "cluster", "node", "tests"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("list a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

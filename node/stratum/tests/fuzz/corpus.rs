//! The committed corpora: what known miners say, and inputs that once failed.
//!
//! Files of sessions have a line per request; `$MINER`, `$JOB` and the like are filled in by
//! `sessions.rs`, and stand for themselves in the targets of single parsers.

use std::path::Path;

/// The contents of a folder's files, in order of their names.
pub fn files(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let entries = std::fs::read_dir(folder.join(name)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no corpus {name}");
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// Every line of a folder's files.
pub fn lines(name: &str) -> Vec<Vec<u8>> {
    let files = files(name);
    let lines = files
        .iter()
        .flat_map(|file| file.split(|byte| *byte == b'\n'));
    lines.map(<[u8]>::to_vec).collect()
}

/// Every line of a folder's files, which are hexadecimal.
pub fn bytes(name: &str) -> Vec<Vec<u8>> {
    let lines = lines(name);
    lines
        .iter()
        .map(|line| hex::decode(line).unwrap())
        .collect()
}

//! What somebody who helps from afar needs to see of a node, in one archive and without secrets.
//!
//! Whatever cannot be had is named in `missing.txt` and keeps nothing else from being there, so that
//! a node that does not run, or hangs, can be told of as well. Left out on purpose: keys, passwords
//! and tokens, which no file named here holds; lists of bans, which name IP addresses; the books.

mod collect;
mod redact;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) use collect::{LogSource, collect};

/// The files of an archive, by name.
#[derive(Debug, Default)]
pub(crate) struct Dump {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<String>,
}

impl Dump {
    fn add(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.files.push((name.to_owned(), content.into()));
    }

    fn add_or_miss<T: Into<Vec<u8>>>(&mut self, name: &str, content: anyhow::Result<T>) {
        match content {
            Ok(content) => self.add(name, content),
            Err(error) => {
                let reason = crate::commands::chain_of(&error);
                self.missing.push(format!("{name}: {reason}"));
            }
        }
    }

    /// What could not be had, and why.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The names of the files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Writes the archive to a new file that only this user may read.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub(crate) fn write(mut self, file: &Path, made_at_ms: u64) -> anyhow::Result<()> {
        if !self.missing.is_empty() {
            let lines = self.missing.join("\n") + "\n";
            self.add("missing.txt", lines);
        }
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .with_context(|| format!("make {}; it must not be there yet", file.display()))?;
        let mut archive = tar::Builder::new(GzEncoder::new(opened, Compression::default()));
        for (name, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(made_at_ms / 1_000);
            let path = format!("raftpool-support/{name}");
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        let mut opened = archive.into_inner()?.finish()?;
        opened.flush()?;
        opened.sync_all().context("write the archive to the disk")
    }
}

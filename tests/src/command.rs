//! `raftpool` as an operator types it: run to its end, and what it printed or complained of.
//!
//! Nobody sits at a terminal, so a question is never answered; and whoever runs the tests, the
//! books name `otto` as the author of what a command changes.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::node::NodeProcess;
use crate::processes::{executable, strings};

/// Runs `raftpool` with these words and waits for its end, however it ends.
///
/// # Errors
/// When it cannot be started.
pub fn run<Word: AsRef<OsStr>>(words: &[Word]) -> Result<Output> {
    Command::new(executable()?)
        .args(words)
        .env("SUDO_USER", "otto")
        .stdin(Stdio::null())
        .output()
        .context("run raftpool")
}

/// What a command printed.
///
/// # Errors
/// When it does not succeed, with all it said.
pub fn tell<Word: AsRef<OsStr> + Debug>(words: &[Word]) -> Result<String> {
    let output = run(words)?;
    ensure!(output.status.success(), "{}", account(words, &output));
    Ok(String::from_utf8(output.stdout)?)
}

/// What a command complained of when it was refused.
///
/// # Errors
/// When it does not end with exit code 1, with all it said.
pub fn refusal<Word: AsRef<OsStr> + Debug>(words: &[Word]) -> Result<String> {
    let output = run(words)?;
    let is_refused = output.status.code() == Some(1);
    ensure!(is_refused, "{}", account(words, &output));
    Ok(String::from_utf8(output.stderr)?)
}

/// Checks that a part of a text is there.
///
/// # Errors
/// When it is not, with the whole text.
pub fn holds(text: &str, what: &str) -> Result<()> {
    ensure!(text.contains(what), "`{what}` is not in: {text}");
    Ok(())
}

/// Commands about one node, which need not run: the words of the command, the node's
/// configuration file, and what is said after it.
impl NodeProcess {
    /// What a command about this node printed.
    ///
    /// # Errors
    /// When it does not succeed, with all it said.
    pub fn tell(&self, command: &[&str], options: &[&str]) -> Result<String> {
        tell(&self.words(command, options))
    }

    /// What a command about this node printed as JSON, which it is asked for.
    ///
    /// # Errors
    /// When it does not succeed, or prints something else.
    pub fn tell_json(&self, command: &[&str], options: &[&str]) -> Result<Value> {
        let options = [options, &["--output", "json"]].concat();
        Ok(serde_json::from_str(&self.tell(command, &options)?)?)
    }

    /// What a command about this node complained of when it was refused.
    ///
    /// # Errors
    /// When it does not end with exit code 1, with all it said.
    pub fn refusal(&self, command: &[&str], options: &[&str]) -> Result<String> {
        refusal(&self.words(command, options))
    }

    /// Puts lines into the `[settings]` of the node's file, applies them to the pool, and returns
    /// what was printed.
    ///
    /// # Errors
    /// When the file cannot be changed, or the pool refuses it.
    pub fn apply(&self, lines: &str) -> Result<String> {
        let file = std::fs::read_to_string(self.config_file())?;
        let changed = file.replace("[settings]", &format!("[settings]\n{lines}"));
        std::fs::write(self.config_file(), changed)?;
        self.tell(&["pool", "apply"], &["--yes"])
    }

    fn words(&self, command: &[&str], options: &[&str]) -> Vec<String> {
        let config = self.config_file().display().to_string();
        strings(&[command, &[&config], options].concat())
    }
}

/// How a command ended and all it said, for whoever expected something else.
fn account(words: &[impl Debug], output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    format!("raftpool {words:?}: {}: {errors}{printed}", output.status)
}

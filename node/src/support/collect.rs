//! What an archive is made of.

use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::{Dump, redact};
use crate::config::Config;
use crate::doctor;
use crate::operator::AdminClient;

/// What a node is asked for over its admin socket, and the file each answer goes to.
const ANSWERS: [(&str, &str); 8] = [
    ("cluster.json", "cluster"),
    ("status.json", "status"),
    ("node.json", "node"),
    ("settings.json", "settings"),
    ("accounts.json", "accounts"),
    ("changes.json", "changes"),
    ("payouts.json", "payouts"),
    ("stray-blocks.json", "blocks/stray"),
];
/// Longest wait for the metrics.
const METRICS_TIMEOUT: Duration = Duration::from_secs(10);
/// The newest part of a log that is taken.
const LOG_BYTES_MAX: u64 = 8 << 20;
/// Lines that are taken of systemd's journal.
const JOURNAL_LINES_MAX: &str = "50000";
/// Files of the machine that say what it is and how it fares.
const MACHINE: [&str; 6] = [
    "/proc/version",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure/io",
    "/proc/pressure/memory",
    "/etc/os-release",
];

/// Where the node's log is.
#[derive(Debug, Clone)]
pub(crate) enum LogSource {
    /// Nowhere: it is not wanted.
    None,
    /// In this file.
    File(PathBuf),
    /// In systemd's journal, under the unit of this name.
    Journal(String),
}

/// Looks at everything, whatever fails.
pub(crate) async fn collect(config_file: &Path, log: &LogSource) -> Dump {
    let mut dump = Dump::default();
    dump.add(
        "version.txt",
        format!("raftpool {}\n", env!("CARGO_PKG_VERSION")),
    );
    let text = std::fs::read_to_string(config_file).context("read it");
    dump.add_or_miss(
        "configuration.toml",
        text.and_then(|text| redact::configuration(&text)),
    );
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("RAFTPOOL__"));
    let variables: String = variables
        .map(|(name, value)| redact::variable(&name, &value))
        .collect();
    dump.add("environment.txt", variables);
    dump.add("machine.txt", machine());
    dump.add_or_miss("log.txt", read_log(log));
    match Config::load_without_secrets(config_file, std::env::vars()) {
        Ok(config) => of_node(&mut dump, &config, config_file).await,
        Err(error) => dump.add_or_miss::<String>("node", Err(error.into())),
    }
    dump
}

async fn of_node(dump: &mut Dump, config: &Config, config_file: &Path) {
    let directory = &config.raw.node.data_directory;
    dump.add("data-directory.txt", listing(directory));
    let findings = doctor::examine(config, config_file).await;
    dump.add_or_miss("findings.json", findings.and_then(|found| pretty(&found)));
    match AdminClient::new(config, config_file) {
        Ok(client) => {
            for (file, path) in ANSWERS {
                let answer = client.get(path).await;
                dump.add_or_miss(file, answer.and_then(|answer: Value| pretty(&answer)));
            }
        }
        Err(error) => dump.add_or_miss::<String>("the node's answers", Err(error)),
    }
    dump.add_or_miss("metrics.txt", metrics(config).await);
}

fn pretty(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

async fn metrics(config: &Config) -> anyhow::Result<String> {
    let listen = config.raw.health.listen.unwrap_or(config.raw.api.listen);
    let url = format!("http://{}/metrics", reachable(listen));
    let client = reqwest::Client::builder()
        .timeout(METRICS_TIMEOUT)
        .build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    Ok(answer.text().await?)
}

/// Where this machine finds what listens on an address that may stand for all of its own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => [127, 0, 0, 1].into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, listen.port()).into()
}

fn machine() -> String {
    let mut text = String::new();
    for file in MACHINE {
        if let Ok(content) = std::fs::read_to_string(file) {
            let _ = writeln!(text, "## {file}\n{}", content.trim_end());
        }
    }
    text
}

/// The files below a directory with their sizes; of what cannot be read, the reason.
fn listing(directory: &Path) -> String {
    let mut text = String::new();
    list(directory, directory, &mut text);
    text
}

fn list(root: &Path, directory: &Path, text: &mut String) {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let _ = writeln!(text, "{}: {error}", directory.display());
            return;
        }
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(found) = path.symlink_metadata() else {
            continue;
        };
        if found.is_dir() {
            list(root, &path, text);
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        let _ = writeln!(text, "{:>14} {}", found.len(), name.display());
    }
}

fn read_log(log: &LogSource) -> anyhow::Result<Vec<u8>> {
    match log {
        LogSource::None => anyhow::bail!("it was not asked for"),
        LogSource::File(path) => {
            let mut file = File::open(path).with_context(|| path.display().to_string())?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(LOG_BYTES_MAX)))?;
            let mut newest = Vec::new();
            file.take(LOG_BYTES_MAX).read_to_end(&mut newest)?;
            Ok(newest)
        }
        LogSource::Journal(unit) => {
            let output = Command::new("journalctl")
                .args([
                    "--no-pager",
                    "--output=short-iso",
                    "--lines",
                    JOURNAL_LINES_MAX,
                ])
                .args(["--unit", unit])
                .stdin(Stdio::null())
                .output()
                .context("run journalctl; name the log's file with --log")?;
            let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            anyhow::ensure!(output.status.success(), "journalctl: {complaint}");
            Ok(output.stdout)
        }
    }
}

//! The machine: its limits, its disk, and the addresses a node is to listen on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;
use tokio::net::{TcpListener, UdpSocket};

use super::finding::{Finding, chain_of};
use crate::config::Config;
use crate::system::{OTHER_FILES, allow_open_files};

/// How often the disk is written to, and with how much: about a batch of shares.
const SYNCS: usize = 50;
const SYNC_BYTES: usize = 4_096;
/// A batch of shares waits for one `fsync`; a good disk takes below a millisecond.
const SYNC_SLOW: Duration = Duration::from_millis(10);
/// Longer ones stop miners from being answered in time, and heartbeats from being kept.
const SYNC_TOO_SLOW: Duration = Duration::from_millis(100);
/// Below it a snapshot, which is as large as the state, may not fit.
const SPACE_SCARCE_BYTES: u64 = 10 << 30;
const SPACE_TOO_SCARCE_BYTES: u64 = 1 << 30;

/// What matters also while a node runs.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    vec![space(&existing(&config.raw.node.data_directory))]
}

/// What would keep a node from starting well. One that runs has limits of its own, not those of this
/// process, says how fast its disk is in its metrics, and would have to wait for these writes.
pub(super) async fn examine_for_start(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        open_files(config.raw.stratum.connections_max as u64),
        speed(&existing(&config.raw.node.data_directory)),
    ];
    findings.extend(ports(config).await);
    findings
}

/// The directory, or the one that it will be made in.
fn existing(directory: &Path) -> PathBuf {
    let mut ancestors = directory.ancestors();
    let found = ancestors.find(|ancestor| ancestor.is_dir());
    found.unwrap_or(Path::new(".")).to_owned()
}

fn open_files(connections: u64) -> Finding {
    match allow_open_files(connections + OTHER_FILES) {
        Ok(()) => Finding::fine(
            "open files",
            format!("enough for {connections} connections"),
        ),
        Err(allowed) => Finding::warning(
            "open files",
            format!("{allowed} are allowed, too few for {connections} connections"),
            "raise the limit (LimitNOFILE= of the systemd unit, or ulimit -n), or lower \
             stratum.connections_max",
        ),
    }
}

fn space(directory: &Path) -> Finding {
    let shown = directory.display();
    let advice = "give the data directory a larger disk: books, log and snapshots grow";
    let free_bytes = match statvfs(directory) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Finding::problem("disk space", format!("{shown}: {error}"), advice),
    };
    let seen = format!("{} MiB free at {shown}", free_bytes >> 20);
    if free_bytes < SPACE_TOO_SCARCE_BYTES {
        Finding::problem("disk space", seen, advice)
    } else if free_bytes < SPACE_SCARCE_BYTES {
        Finding::warning("disk space", seen, advice)
    } else {
        Finding::fine("disk space", seen)
    }
}

fn speed(directory: &Path) -> Finding {
    let advice = "use a local SSD that keeps its promises: every share waits for an fsync";
    let mut times = match sync_times(directory) {
        Ok(times) => times,
        Err(error) => {
            let seen = format!("write to {}: {error}", directory.display());
            let advice = "run this as the user that runs the node, and let it write there";
            return Finding::problem("disk speed", seen, advice);
        }
    };
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let seen = format!("an fsync takes {median:.1?}, at most {longest:.1?} of {SYNCS}");
    if median >= SYNC_TOO_SLOW {
        Finding::problem("disk speed", seen, advice)
    } else if median >= SYNC_SLOW || longest >= SYNC_TOO_SLOW {
        Finding::warning("disk speed", seen, advice)
    } else {
        Finding::fine("disk speed", seen)
    }
}

fn sync_times(directory: &Path) -> std::io::Result<Vec<Duration>> {
    let path = directory.join(format!(".raftpool-doctor-{}", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let times = measure(file);
    std::fs::remove_file(&path)?;
    times
}

fn measure(mut file: File) -> std::io::Result<Vec<Duration>> {
    let bytes = [0xa5; SYNC_BYTES];
    let times = (0..SYNCS).map(|_| {
        let started = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        Ok(started.elapsed())
    });
    times.collect()
}

/// Listens on every address for a moment.
async fn ports(config: &Config) -> Vec<Finding> {
    let raw = &config.raw;
    let miners = raw.stratum.listen.iter().copied();
    let miners = miners.chain(raw.stratum.listener.iter().map(|listener| listener.address));
    let mut wanted: Vec<(&str, SocketAddr)> = miners.map(|one| ("stratum.listen", one)).collect();
    wanted.push(("api.listen", raw.api.listen));
    wanted.extend(raw.health.listen.map(|one| ("health.listen", one)));
    wanted.extend(
        raw.cluster
            .as_ref()
            .map(|cluster| ("cluster.listen", cluster.listen)),
    );
    wanted.extend(raw.dns.as_ref().map(|dns| ("dns.listen", dns.listen)));
    let mut findings = Vec::new();
    for (key, address) in wanted {
        let mut bound = TcpListener::bind(address).await.map(drop);
        if key == "dns.listen" && bound.is_ok() {
            bound = UdpSocket::bind(address).await.map(drop);
        }
        findings.push(match bound {
            Ok(()) => Finding::fine(key, format!("{address} is free")),
            Err(error) => Finding::problem(
                key,
                format!("{address}: {}", chain_of(error)),
                "stop what listens there, choose another address, or allow ports below 1024 \
                 (CAP_NET_BIND_SERVICE)",
            ),
        });
    }
    findings
}

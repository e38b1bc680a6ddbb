//! One node of a cluster: its process, its files, its disk, and the proxy in front of it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::ClusterOptions;
use crate::configuration::{self, MemberSettings};
use crate::devnet::SimulatedNetwork;
use crate::disk::LimitedDisk;
use crate::node::NodeProcess;
use crate::proxy::{Front, Ways, source_address};

/// Names a file in which a test orders faults of the disk.
const FAULT_FILE_VARIABLE: &str = "RAFTPOOL_TEST_FAULT_FILE";
/// Names the file, of all nodes, with a step of a payout at which one of them ends or stops.
const CRASH_FILE_VARIABLE: &str = "RAFTPOOL_TEST_CRASH_FILE";
/// Names what a node does wrong on purpose.
const SABOTAGE_VARIABLE: &str = "RAFTPOOL_TEST_SABOTAGE";

/// The port that the others use on a host of its own.
const PEER_PORT: u16 = 5_078;
/// Name of a member's own copy of the program.
const PROGRAM: &str = "raftpool";

/// A node of a cluster, running or not.
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its process.
    pub process: NodeProcess,
    address: SocketAddr,
    /// What stands before it; nothing when it is plain.
    front: Option<Front>,
    /// The disk it keeps its data on, when that is one that can be full.
    pub disk: Option<LimitedDisk>,
    directory: PathBuf,
}

impl Member {
    pub(super) async fn new(
        id: u64,
        root: &Path,
        options: &ClusterOptions,
        ways: &Ways,
        has_limited_disk: bool,
    ) -> Result<Self> {
        let directory = root.join(format!("node-{id}"));
        std::fs::create_dir_all(directory.join("disk")).context("make a node's directory")?;
        let disk = match has_limited_disk {
            true => LimitedDisk::mount(&directory.join("disk"))?,
            false => None,
        };
        let mut environment = Vec::new();
        if !options.is_plain {
            let fault_file = directory.join("faults").display().to_string();
            environment.push((FAULT_FILE_VARIABLE.to_owned(), fault_file));
        }
        if options.has_crash_file {
            let crash_file = super::crash::file_in(root).display().to_string();
            environment.push((CRASH_FILE_VARIABLE.to_owned(), crash_file));
        }
        if let Some(sabotage) = options.sabotage {
            environment.push((SABOTAGE_VARIABLE.to_owned(), sabotage.to_owned()));
        }
        let mut process = NodeProcess::new(&format!("node-{id}"), &directory, environment)?;
        let host = options.hosts.as_ref().map(|hosts| hosts.host(id));
        if let Some(host) = &host {
            process = process.on_host(host);
        }
        if let Some(program) = &options.program {
            let copy = directory.join(PROGRAM);
            std::fs::copy(program, &copy).context("copy the program")?;
            process = process.with_program(copy);
        }
        let front = match options.is_plain {
            true => None,
            false => {
                let backend = backend(process.addresses_file());
                Some(Front::open(ways.clone(), id, backend).await?)
            }
        };
        let process = Self {
            id,
            address: match (&front, &host) {
                (Some(front), _) => front.address(),
                (None, Some(host)) => (host.ip, PEER_PORT).into(),
                (None, None) => free_address()?,
            },
            front,
            process,
            disk,
            directory,
        };
        process.order_faults("")?;
        Ok(process)
    }

    pub(super) fn write_configuration(
        &self,
        options: &ClusterOptions,
        network: &SimulatedNetwork,
        fronts: &[SocketAddr],
    ) -> Result<()> {
        let others = fronts.iter().copied();
        let settings = MemberSettings {
            node_id: self.id,
            data_directory: "disk/data".into(),
            listen: match &self.front {
                Some(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
                None => self.address,
            },
            address: self.address,
            connect_from: match &options.hosts {
                Some(hosts) => hosts.host(self.id).ip,
                None => source_address(self.id),
            },
            hosts: options.hosts.clone(),
            peers: others.filter(|front| *front != self.address()).collect(),
            heartbeat_ms: options.heartbeat_ms,
            election_timeout_ms: options.election_timeout_ms,
            snapshot_entries: options.snapshot_entries,
            log_entries_kept: options.log_entries_kept,
        };
        let (addresses, password_file) = (&network.addresses, network.password_file());
        let text = configuration::member(&options.pool, addresses, password_file, &settings);
        std::fs::write(self.process.config_file(), text).context("write a node's configuration")
    }

    /// Where the others find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket for operators.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_directory().join("admin.sock")
    }

    /// The program it runs at its next start, when the cluster was made with one.
    pub fn program(&self) -> PathBuf {
        self.directory.join(PROGRAM)
    }

    /// Where its configuration is, and all else that is its own.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where its certificates are.
    pub fn certificates(&self) -> PathBuf {
        self.directory.join("certificates")
    }

    /// Makes its disk misbehave from now on, in the words of the fault file; nothing mends it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn order_faults(&self, lines: &str) -> Result<()> {
        let file = self.directory.join("faults");
        let new = file.with_extension("new");
        std::fs::write(&new, lines).context("write the fault file")?;
        // Renamed into place, so that the node never reads half of it.
        std::fs::rename(&new, &file).context("place the fault file")
    }

    /// Destroys all data of the node, which must not run.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn wipe(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.data_directory()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context("wipe a data directory")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn strangers(&self) -> u64 {
        self.front.as_ref().map_or(0, Front::strangers)
    }

    /// Copies what lies on a disk that goes away with the test.
    pub(super) fn save_files(&self) {
        if self.disk.is_none() {
            return;
        }
        let copy = self.directory.join("disk-copy");
        if let Err(error) = copy_all(&self.data_directory(), &copy) {
            println!("could not copy the disk of node {}: {error}", self.id);
        }
    }

    fn data_directory(&self) -> PathBuf {
        self.directory.join("disk").join("data")
    }
}

/// An address that is free now, for what must be told where to listen, and come back there.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    listener.local_addr().context("find a free port")
}

/// The node's own listener, which it has anew with each start.
fn backend(addresses_file: PathBuf) -> crate::proxy::Backend {
    Arc::new(move || crate::node::addresses_in(&addresses_file)?.peer)
}

fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

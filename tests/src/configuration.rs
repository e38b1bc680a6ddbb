//! The configuration files of the nodes of a test.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use raftpool::process::DevnetAddresses;

use crate::hosts::Hosts;
use crate::processes::PoolOptions;

/// How one node is a member of a cluster.
#[derive(Debug, Clone)]
pub struct MemberSettings {
    /// Its id.
    pub node_id: u64,
    /// The hosts that it and the others live on; they share this machine's loopback without.
    pub hosts: Option<Hosts>,
    /// Where it keeps its data, relative to the file.
    pub data_directory: String,
    /// Where the others find it.
    pub address: SocketAddr,
    /// Where it connects to others from.
    pub connect_from: IpAddr,
    /// Where it listens for the others.
    pub listen: SocketAddr,
    /// Whom it asks at its first start.
    pub peers: Vec<SocketAddr>,
    /// Time between two signs of life of a leader.
    pub heartbeat_ms: u64,
    /// Shortest time without one before a node asks for votes.
    pub election_timeout_ms: u64,
    /// Entries from one snapshot to the next.
    pub snapshot_entries: u64,
    /// Entries kept behind a snapshot.
    pub log_entries_kept: u64,
}

/// The file of a node that runs alone.
pub fn alone(options: &PoolOptions, network: &DevnetAddresses, password_file: &Path) -> String {
    let node = format!("data_directory = \"data\"\n{DRAINING}");
    common(options, network, password_file, None).replace(NODE, &node)
}

/// The file of a member of a cluster, with its certificates beside it.
pub fn member(
    options: &PoolOptions,
    network: &DevnetAddresses,
    password_file: &Path,
    settings: &MemberSettings,
) -> String {
    let node = format!(
        "id = {}\ndata_directory = \"{}\"\n{DRAINING}",
        settings.node_id, settings.data_directory
    );
    let peers: Vec<String> = settings.peers.iter().map(ToString::to_string).collect();
    let cluster = format!(
        r#"[cluster]
listen = "{listen}"
address = "{address}"
certificates = "certificates"
peers = {peers:?}
connect_from = "{from}"
heartbeat_ms = {heartbeat}
election_timeout_ms = {election}
[storage]
snapshot_entries = {snapshot}
log_entries_kept = {kept}
"#,
        listen = settings.listen,
        address = settings.address,
        from = settings.connect_from,
        heartbeat = settings.heartbeat_ms,
        election = settings.election_timeout_ms,
        snapshot = settings.snapshot_entries,
        kept = settings.log_entries_kept,
    );
    common(options, network, password_file, settings.ip()).replace(NODE, &node)
        + &cluster
        + &dns(options, settings)
}

/// Short enough for a test, long enough to be seen.
const DRAINING: &str =
    "drain_wait_ms = 500\ndrain_over_ms = 500\nstop_wait_ms = 500\nstop_over_ms = 500\n";

/// The port that miners use on a host of its own.
pub const STRATUM_PORT: u16 = 5_077;
/// The port of the name server there.
pub const DNS_PORT: u16 = 53;

impl MemberSettings {
    /// Its address when it has a host of its own.
    fn ip(&self) -> Option<IpAddr> {
        let hosts = self.hosts.as_ref()?;
        Some(hosts.host(self.node_id).ip)
    }
}

/// Where to listen: on this port of an own host, or on any of the loopback.
fn listen(ip: Option<IpAddr>, port: u16) -> SocketAddr {
    ip.map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |ip| {
        (ip, port).into()
    })
}

/// A name server. Without hosts, its nodes have addresses that nobody has.
fn dns(options: &PoolOptions, settings: &MemberSettings) -> String {
    if !options.has_dns {
        return String::new();
    }
    let nodes = 1..=settings.peers.len() as u64 + 1;
    let nodes: String = nodes
        .map(|id| match &settings.hosts {
            Some(hosts) => format!("{id} = [\"{}\"]\n", hosts.host(id).ip),
            None => format!("{id} = [\"192.0.2.{id}\", \"2001:db8::{id}\"]\n"),
        })
        .collect();
    format!(
        "[dns]\nlisten = \"{}\"\nzone = \"pool.example\"\n\
         name_servers = [\"node-1.pool.example\", \"node-2.pool.example\"]\n\
         answers_per_second_max = 100\n[dns.nodes]\n{nodes}",
        listen(settings.ip(), DNS_PORT)
    )
}

/// Stands where the keys of `[node]` come.
const NODE: &str = "#node\n";

fn common(
    options: &PoolOptions,
    network: &DevnetAddresses,
    password_file: &Path,
    ip: Option<IpAddr>,
) -> String {
    format!(
        r#"
[pool]
network = "devnet"
address = "{pool}"
[node]
{NODE}[daemon]
urls = ["{daemon}"]
timeout_ms = 2000
template_poll_ms = 200
[wallet]
url = "{wallet}"
username = "pool"
password_file = {password_file:?}
timeout_ms = {wallet_timeout}
[stratum]
listen = ["{stratum}"]
minimum_difficulty = 1
starting_difficulty = {share}
verifier_threads = {verifiers}
verification = "{verification}"
connections_max = {connections}
connections_per_ip_max = {connections}
connections_per_network_max = {connections}
{tls}[payout]
step_interval_ms = 100
resend_interval_ms = 500
retry_interval_ms = 300
sighting_gap_ms = 200
[api]
listen = "{api}"
# Tests ask far more often than people do.
requests_per_minute_per_ip_max = 0
[health]
listen = "{health}"
[settings]
pplns_fee_bps = {fee}
payout_threshold_atomic = {threshold}
payout_interval_ms = {interval}
[log]
filter = "info,openraft=warn"
"#,
        stratum = listen(ip, STRATUM_PORT),
        api = listen(ip, 8_000),
        health = listen(ip, 8_001),
        pool = network.pool_address,
        daemon = network.daemon,
        wallet = network.wallet,
        wallet_timeout = options.wallet_timeout_ms,
        share = options.share_difficulty,
        verification = if options.hashing {
            "full"
        } else {
            "without-hashing"
        },
        connections = options.connections_max,
        verifiers = options.verifier_threads,
        tls = match options.has_tls {
            true => tls(password_file),
            false => String::new(),
        },
        fee = options.pplns_fee_bps,
        threshold = options.payout_threshold_atomic,
        interval = options.payout_interval_ms,
    )
}

/// The certificate lies beside the wallet's password.
fn tls(password_file: &Path) -> String {
    let [certificate, key] = crate::tls::paths(password_file.parent().unwrap_or(Path::new(".")));
    format!(
        "[stratum.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\
         [[stratum.listener]]\naddress = \"127.0.0.1:0\"\ndialect = \"getwork\"\n"
    )
}

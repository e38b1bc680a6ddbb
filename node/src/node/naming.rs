//! What the name server knows of the nodes: what they say of themselves, once a second.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use raftpool_api::ClusterControl;
use raftpool_api::dto::cluster::{ClusterNode, ClusterStatus, Health};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::desk::ClusterDesk;
use super::facts::LAG_MAX;
use crate::config::DnsSection;
use crate::dns::{DnsServer, Host, Roster, Zone};

/// Between two looks at the nodes. A look takes a second and a half at most, for a node that does
/// not answer.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A running name server and what keeps it up to date. Both end when it is dropped.
pub(super) struct Naming {
    pub(super) server: DnsServer,
    following: tokio::task::JoinHandle<()>,
}

impl Naming {
    /// Starts to answer.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the registry has these metrics already.
    pub(super) async fn start(
        section: &DnsSection,
        desk: Arc<ClusterDesk>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let zone = Zone::new(section).context("dns.zone")?;
        let (sender, roster) = watch::channel(Arc::default());
        let rate = section.answers_per_second_max;
        let server = DnsServer::start(section.listen, zone, rate, roster, registry).await;
        let server = server.with_context(|| format!("listen on {} for DNS", section.listen))?;
        Ok(Self {
            server,
            following: tokio::spawn(follow(section.clone(), desk, sender)),
        })
    }
}

impl Drop for Naming {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(section: DnsSection, desk: Arc<ClusterDesk>, roster: watch::Sender<Arc<Roster>>) {
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = Vec::new();
    loop {
        ticks.tick().await;
        let hosts = hosts_of(&section, &desk.status().await, &known);
        if hosts != known {
            known.clone_from(&hosts);
            roster.send_replace(Arc::new(Roster::new(hosts)));
        }
    }
}

/// The members as hosts. One that does not answer keeps the addresses it had: when nobody is ready
/// they are still told.
fn hosts_of(section: &DnsSection, status: &ClusterStatus, known: &[Host]) -> Vec<Host> {
    // A node that is cut off sees only itself, which is the wrong place to go.
    let has_quorum = status.health != Health::NoQuorum;
    let host = |node: &ClusterNode| {
        let before = known.iter().find(|host| host.id == node.id);
        let configured = section.addresses_of(node.id);
        let announced = announced_by(node);
        let addresses = match (configured, before) {
            (Some(configured), _) => configured.to_vec(),
            (None, Some(before)) if announced.is_empty() => before.addresses.clone(),
            (None, _) => announced,
        };
        Host {
            id: node.id,
            addresses,
            is_ready: has_quorum && is_fit(node),
            connections: node.connections.unwrap_or(0),
        }
    };
    status.nodes.iter().map(host).collect()
}

/// Whether miners are to be sent to a node.
fn is_fit(node: &ClusterNode) -> bool {
    let is_up_to_date = node.lag.is_none_or(|lag| lag <= LAG_MAX);
    node.reachable && node.serving && node.drain_phase.is_none() && is_up_to_date
}

/// The addresses among the hosts of a node's listeners, each once.
fn announced_by(node: &ClusterNode) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let endpoints = node.public.iter().flat_map(|public| &public.endpoints);
    for endpoint in endpoints {
        let address = endpoint.host.as_ref().and_then(|host| host.parse().ok());
        if let Some(address) = address
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(id: u64, host: &str) -> Value {
        json!({
            "id": id, "address": "a:1", "reachable": true, "serving": true, "version": null,
            "role": "follower", "is_voter": true, "term": 1, "applied_index": 1, "lag": 0,
            "digest": null, "digest_index": null, "database_bytes": null, "daemon_height": null,
            "connections": 5, "shares_per_second": null, "hashrate": null,
            "payout_status": null, "api": null, "started_at_ms": null, "errors": [],
            "public": {"name": null, "region": null, "api_url": null, "endpoints": [{
                "protocol": "stratum", "host": host, "port": 5077, "encryption": "plain",
                "starting_difficulty": "1", "default_scheme": null,
            }]},
        })
    }

    fn status(health: &str, nodes: &[Value]) -> ClusterStatus {
        let status = json!({
            "cluster_id": "c1", "node_id": 1, "is_member": true, "waiting_for": null,
            "health": health, "leader_id": 1, "term": 1, "next_node_id": 4, "problems": [],
            "nodes": nodes,
        });
        serde_json::from_value(status).unwrap()
    }

    fn section() -> DnsSection {
        let text = "zone = \"pool.example\"\nname_servers = [\"node-1.pool.example\"]\n\
                    [nodes]\n2 = [\"192.0.2.2\", \"2001:db8::2\"]\n";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn nodes_are_told_by_what_is_configured_or_announced_while_they_are_fit() {
        let mut nodes = vec![
            node(1, "192.0.2.1"),
            node(2, "192.0.2.99"),
            node(3, "eu.pool.example"),
            node(4, "192.0.2.4"),
        ];
        nodes[3]["drain_phase"] = json!("waiting");
        let hosts = hosts_of(&section(), &status("healthy", &nodes), &[]);
        let seen: Vec<_> = hosts
            .iter()
            .map(|host| (host.id, host.addresses.len(), host.is_ready))
            .collect();
        assert_eq!(
            seen,
            [(1, 1, true), (2, 2, true), (3, 0, true), (4, 1, false)]
        );
        assert_eq!(hosts[1].addresses[0], IpAddr::from([192, 0, 2, 2]));
        assert_eq!(hosts[0].connections, 5);

        // A node that died keeps its address, and a node that is cut off finds nobody ready.
        nodes[0]["reachable"] = json!(false);
        nodes[0]["public"] = Value::Null;
        let later = hosts_of(&section(), &status("degraded", &nodes), &hosts);
        assert_eq!((later[0].addresses.len(), later[0].is_ready), (1, false));
        let cut_off = hosts_of(&section(), &status("no_quorum", &nodes), &hosts);
        assert!(cut_off.iter().all(|host| !host.is_ready));
    }
}

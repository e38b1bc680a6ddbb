//! The names of the nodes, and their certificates.

use std::path::Path;

use raftpool_raft::certificates::CertificateStore;
use raftpool_raft::{CertificateError, Identity, certified_name, look_up_peer};
use raftpool_stratum::ServerCertificate;

use super::finding::{Finding, chain_of};
use crate::config::Config;
use crate::system::now_ms;

const DAY_MS: u64 = 86_400_000;
/// As the alert `CertificateExpiring`.
const EXPIRY_NEAR_MS: u64 = 14 * DAY_MS;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(cluster) = &config.raw.cluster {
        findings.push(name("cluster.address", &cluster.address).await);
        for peer in &cluster.peers {
            findings.push(name("cluster.peers", peer).await);
        }
        let found = node_certificate(&cluster.certificates, config.raw.node.id);
        findings.push(certificate("cluster.certificates", found));
    }
    if let Some(tls) = &config.raw.stratum.tls {
        let found = ServerCertificate::open(&tls.certificate, &tls.key);
        let expires = found.map(|found| found.expires_at_ms());
        findings.push(certificate("stratum.tls", expires.map_err(chain_of)));
    }
    findings
}

async fn name(key: &str, address: &str) -> Finding {
    match look_up_peer(address).await {
        Ok(found) => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            Finding::fine(key, format!("{address} is {}", found.join(", ")))
        }
        Err(error) => Finding::problem(
            key,
            chain_of(error),
            "correct the name, or the name servers of this host",
        ),
    }
}

/// When the first of those in the directory expires.
fn node_certificate(directory: &Path, node_id: u64) -> Result<u64, String> {
    let read = || -> Result<_, CertificateError> {
        let name = certified_name(directory)?;
        let identity = Identity {
            cluster_id: name.cluster_id,
            node_id,
        };
        // It refuses the certificate of another node by name.
        let store = CertificateStore::open(directory, identity)?;
        Ok(store
            .node_expires_at_ms()
            .min(store.authority_expires_at_ms()))
    };
    read().map_err(chain_of)
}

fn certificate(key: &str, expires_at_ms: Result<u64, String>) -> Finding {
    let advice = "renew it (`raftpool cluster issue` for nodes); a running node takes up new files";
    let left_ms = match expires_at_ms {
        Ok(expires_at_ms) => expires_at_ms.saturating_sub(now_ms()),
        Err(error) => return Finding::problem(key, error, "put a good certificate there"),
    };
    let seen = format!("good for {} days", left_ms / DAY_MS);
    match left_ms {
        0 => Finding::problem(key, "has expired", advice),
        1..EXPIRY_NEAR_MS => Finding::warning(key, seen, advice),
        _ => Finding::fine(key, seen),
    }
}

//! What must be settled before a node may serve: whose data it has, the pool's settings, the
//! number of this process, and that no daemon is on another network.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use raftpool_chain::{ChainError, Daemon, Network};
use raftpool_ledger::cluster::{ProposeError, read};
use raftpool_ledger::command::{ChangeSettings, Settings, command::Body};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{COMMAND_VERSION, Cluster, Outcome, compose};
use raftpool_raft::{RaftNode, certified_name};
use raftpool_store::{Identity, stored_identity};
use raftpool_stratum::NodeIdentity;

use super::epoch;
use crate::config::Config;

/// How long a node that starts waits for a leader before it serves without one.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration contradicts what the cluster was created with, or what a daemon says.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The ledger belongs to another network or address.
    #[error("{key} is {configured}, but this cluster was created with {stored}; {advice}")]
    OtherPool {
        /// The configuration's key.
        key: &'static str,
        /// Its value.
        configured: String,
        /// The ledger's value.
        stored: String,
        /// What to do.
        advice: &'static str,
    },
    /// A daemon serves another network.
    #[error("daemon.urls")]
    WrongNetwork(#[source] ChainError),
}

/// Whose data the directory holds. A new one gets the cluster that the node's certificate names,
/// or, when the node runs alone, a cluster of its own.
pub(super) fn data_identity(config: &Config) -> anyhow::Result<Identity> {
    let directory = &config.raw.node.data_directory;
    let stored = stored_identity(directory)
        .with_context(|| format!("read the header of {}", directory.display()))?;
    let cluster_id = match (stored, &config.raw.cluster) {
        (Some(identity), _) => identity.cluster_id,
        (None, Some(cluster)) => {
            let name = certified_name(&cluster.certificates).context("cluster.certificates")?;
            name.cluster_id
        }
        (None, None) => rand::random(),
    };
    Ok(Identity {
        cluster_id,
        node_id: config.raw.node.id,
    })
}

/// Waits until this node is a member of a cluster that has settings, founding the pool with the
/// configured ones when it leads a cluster that has none; then checks that this is the pool that
/// the configuration means.
pub(super) async fn wait_for_settings(
    raft: &RaftNode,
    config: &Config,
    now_ms: fn() -> u64,
) -> anyhow::Result<()> {
    let mut events = raft.watch();
    let stored = loop {
        let stored = read(raft, |state| LedgerView::new(state).settings())?;
        if let Some(stored) = stored {
            break stored;
        }
        // What a leader has not applied yet may hold the settings.
        if raft.leadership().is_leader() && raft.linearize().await.is_ok() {
            let stored = read(raft, |state| LedgerView::new(state).settings())?;
            match stored {
                Some(stored) => break stored,
                None => {
                    begin_with_newest_version(raft).await;
                    found(raft, config, now_ms()).await?;
                }
            }
            continue;
        }
        if events.next().await.is_none() {
            bail!("the node has stopped");
        }
    };
    // Another node may have led meanwhile. Without a leader the node serves what it knows.
    if !raft.wait_until_current(CATCH_UP_TIMEOUT).await {
        tracing::warn!("no leader yet: serving with what this node knows");
    }
    check_settings(config, &stored)
}

/// Refuses a configuration that is for another pool.
fn check_settings(config: &Config, stored: &Settings) -> anyhow::Result<()> {
    let configured = config.raw.settings.to_ledger(&config.raw)?;
    let advice = "use another data_directory for another pool, or correct the configuration";
    let fixed = [
        ("pool.network", &configured.network, &stored.network),
        (
            "pool.address",
            &configured.pool_address,
            &stored.pool_address,
        ),
    ];
    for (key, configured, stored) in fixed {
        if configured != stored {
            let (configured, stored) = (configured.clone(), stored.clone());
            return Err(FoundingError::OtherPool {
                key,
                configured,
                stored,
                advice,
            }
            .into());
        }
    }
    if configured != *stored {
        tracing::warn!(
            "[settings] differ from the cluster's, which stay in force: `raftpool pool apply` shows the difference and changes them"
        );
    }
    Ok(())
}

/// Lets a cluster that is founded use every command this program knows. Where an older program is a
/// member already, that waits as in any upgrade.
async fn begin_with_newest_version(raft: &RaftNode) {
    let author = format!("node {}", raft.identity().node_id);
    let finalized = raft.finalize(COMMAND_VERSION, &author, "the cluster is created");
    if let Err(error) = finalized.await {
        tracing::warn!(%error, "the newest version of commands is not finalized");
    }
}

/// Proposes the configured settings as the pool's first ones.
async fn found(cluster: &dyn Cluster, config: &Config, now_ms: u64) -> anyhow::Result<()> {
    let settings = config.raw.settings.to_ledger(&config.raw)?;
    let node_id = config.raw.node.id;
    let change = ChangeSettings {
        settings: Some(settings),
        reason: "the cluster is created".into(),
    };
    let command = compose(
        format!("node {node_id}"),
        now_ms,
        Body::ChangeSettings(change),
    );
    let proposed = cluster.propose(command).await;
    let outcome = match proposed {
        Ok(committed) => committed.outcome,
        // Whoever leads now looks again whether there are settings.
        Err(ProposeError::NotAccepted(reason) | ProposeError::Unknown(reason)) => {
            tracing::warn!(reason, "the settings are not stored yet");
            return Ok(());
        }
        Err(error @ ProposeError::Stopped(_)) => return Err(error).context("store the settings"),
    };
    match outcome {
        Outcome::SettingsChanged => Ok(()),
        Outcome::Rejected(rejection) => Err(rejection).context("[settings]"),
        other => bail!("storing the settings led to {other:?}"),
    }
}

/// The number of this process among all of this node's: above every one the ledger or the data
/// directory knows, also when the clock was set back.
pub(super) fn identity(
    cluster: &dyn Cluster,
    config: &Config,
    now_ms: u64,
) -> anyhow::Result<NodeIdentity> {
    let node_id = config.raw.node.id;
    let newest = read(cluster, |state| {
        LedgerView::new(state).batches_of_node(node_id)
    })?;
    let above = newest.map_or(1, |(epoch, _)| epoch.saturating_add(1));
    let epoch = epoch::take(&config.raw.node.data_directory, now_ms.max(above))?;
    Ok(NodeIdentity { node_id, epoch })
}

/// Refuses to start with a daemon of another network; daemons that do not answer are waited for
/// while the node already runs.
pub(super) async fn refuse_wrong_network(
    daemons: &[Arc<dyn Daemon>],
    network: Network,
) -> anyhow::Result<()> {
    for daemon in daemons {
        match daemon.info().await {
            Ok(info) => tracing::info!(
                daemon = daemon.name(), %network, height = info.height, version = info.version,
                "connected to the chain"
            ),
            Err(error @ ChainError::WrongNetwork { .. }) => {
                return Err(FoundingError::WrongNetwork(error).into());
            }
            Err(error) => tracing::warn!(%error, "a daemon does not answer yet"),
        }
    }
    Ok(())
}

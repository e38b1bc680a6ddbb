//! What must be settled before a node may serve: whose data it has, the pool's settings, the
//! number of this process, and that no daemon is on another network.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use raftpool_chain::{ChainError, Daemon, Network};
use raftpool_ledger::cluster::read;
use raftpool_ledger::command::{ChangeSettings, Settings, command::Body};
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{Cluster, Outcome, compose};
use raftpool_store::{Identity, stored_identity};
use raftpool_stratum::NodeIdentity;

use crate::config::Config;

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

/// Whose data the directory holds; a new one gets a new cluster.
pub(super) fn data_identity(directory: &Path, node_id: u64) -> anyhow::Result<Identity> {
    let stored = stored_identity(directory)
        .with_context(|| format!("read the header of {}", directory.display()))?;
    let cluster_id = stored.map_or_else(rand::random, |identity| identity.cluster_id);
    Ok(Identity {
        cluster_id,
        node_id,
    })
}

/// Founds the pool with the configured settings, or checks that this is the pool that was founded.
pub(super) async fn settle_settings(
    cluster: &dyn Cluster,
    config: &Config,
    now_ms: u64,
) -> anyhow::Result<()> {
    let configured = config.raw.settings.to_ledger(&config.raw)?;
    let stored = read(cluster, |state| LedgerView::new(state).settings())?;
    let Some(stored) = stored else {
        return found(cluster, config.raw.node.id, configured, now_ms).await;
    };
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
    if configured != stored {
        tracing::warn!(
            "[settings] differ from the cluster's, which stay in force: `raftpool pool apply` shows the difference and changes them"
        );
    }
    Ok(())
}

async fn found(
    cluster: &dyn Cluster,
    node_id: u64,
    settings: Settings,
    now_ms: u64,
) -> anyhow::Result<()> {
    let change = ChangeSettings {
        settings: Some(settings),
        reason: "the cluster is created".into(),
    };
    let command = compose(
        format!("node {node_id}"),
        now_ms,
        Body::ChangeSettings(change),
    );
    match cluster
        .propose(command)
        .await
        .context("store the settings")?
        .outcome
    {
        Outcome::SettingsChanged => Ok(()),
        Outcome::Rejected(rejection) => Err(rejection).context("[settings]"),
        other => bail!("storing the settings led to {other:?}"),
    }
}

/// The number of this process among all of this node's: above every one the ledger knows, also
/// when the clock was set back.
pub(super) fn identity(
    cluster: &dyn Cluster,
    node_id: u64,
    now_ms: u64,
) -> anyhow::Result<NodeIdentity> {
    let newest = read(cluster, |state| {
        LedgerView::new(state).batches_of_node(node_id)
    })?;
    let above = newest.map_or(1, |(epoch, _)| epoch.saturating_add(1));
    Ok(NodeIdentity {
        node_id,
        epoch: now_ms.max(above),
    })
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

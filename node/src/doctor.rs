//! What is wrong with a host, a configuration, or a node that runs, in order of importance.
//!
//! Each look is independent and bounded in time, and none changes anything: a file to measure the
//! disk with is removed again, and addresses are listened on for a moment only while no node runs.

mod chain;
mod finding;
mod host;
mod names;
mod node;

use std::path::Path;

use crate::config::Config;
use crate::operator::AdminClient;

pub(crate) use finding::{Finding, Severity, listing};

/// Looks at everything; the worst comes first.
///
/// # Errors
/// When there can be no client of the node's admin socket.
pub(crate) async fn examine(config: &Config, config_file: &Path) -> anyhow::Result<Vec<Finding>> {
    let client = AdminClient::new(config, config_file)?;
    let node = node::examine(&client).await;
    let mut findings = host::examine(config);
    if !node.is_running {
        findings.extend(host::examine_for_start(config).await);
    }
    findings.extend(node.findings);
    findings.extend(names::examine(config).await);
    findings.extend(chain::examine(config).await);
    // Stable: within one severity they stay in the order in which a node needs them.
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}

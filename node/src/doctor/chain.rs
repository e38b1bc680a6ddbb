//! The daemons and the wallet: whether they answer, for the right network, and are up to date.

use std::time::Duration;

use raftpool_chain::{ChainError, Daemon, DaemonClient, Wallet, WalletClient};

use super::finding::{Finding, chain_of};
use crate::amount::xel;
use crate::config::{Config, WalletSection};
use crate::system::now_ms;

/// Blocks a daemon may be behind its peers.
const BEHIND_MAX: u64 = 10;
/// XELIS refuses blocks from the future, and templates carry this host's idea of the time.
const CLOCK_AHEAD_MAX_MS: u64 = 2_000;
/// Blocks come every few seconds, so the newest one tells the time.
const BLOCK_AGE_MAX_MS: u64 = 120_000;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut newest_block_ms = None;
    for url in &config.raw.daemon.urls {
        match daemon(config, url).await {
            Ok((found, block_ms)) => {
                findings.extend(found);
                newest_block_ms = newest_block_ms.max(block_ms);
            }
            Err(error) => findings.push(Finding::problem(
                "daemon",
                format!("{url}: {}", chain_of(error)),
                "start the daemon, correct daemon.urls, or let this host reach it",
            )),
        }
    }
    findings.extend(newest_block_ms.map(|block_ms| clock(block_ms, now_ms())));
    if let Some(section) = &config.raw.wallet {
        findings.push(match section.read_password() {
            Ok(password) => wallet(config, section, &password).await.unwrap_or_else(|error| {
                Finding::problem(
                    "wallet",
                    format!("{}: {}", section.url, chain_of(error)),
                    "start the wallet with its RPC server, or correct [wallet] and the password",
                )
            }),
            Err(error) => Finding::problem(
                "wallet",
                chain_of(error),
                "write its password there, and run this as who may read it",
            ),
        });
    }
    findings
}

/// One daemon, and when it says that its newest block was made.
async fn daemon(config: &Config, url: &str) -> Result<(Vec<Finding>, Option<u64>), ChainError> {
    let timeout = Duration::from_millis(config.raw.daemon.timeout_ms);
    let client = DaemonClient::new(url, config.raw.pool.network, timeout)?;
    let info = client.info().await?;
    let status = client.sync_status().await?;
    let (version, topoheight) = (&info.version, status.our_topoheight);
    let seen = format!(
        "{url}: {version}, topoheight {topoheight}, {} peers",
        status.peers
    );
    let behind = status
        .best_topoheight
        .map_or(0, |best| best.saturating_sub(topoheight));
    let mut findings = vec![if behind > BEHIND_MAX {
        let seen = format!("{seen}, {behind} blocks behind them");
        Finding::problem(
            "daemon",
            seen,
            "wait until it has caught up, or look at its log",
        )
    } else if let Some(pruned) = info.pruned_topoheight {
        let seen = format!("{seen}, pruned up to {pruned}");
        let advice = "let one daemon keep the whole chain, so that old blocks can be judged";
        Finding::warning("daemon", seen, advice)
    } else {
        Finding::fine("daemon", seen)
    }];
    if let Err(error) = client.template(&config.pool_address).await {
        let seen = format!("{url} gives no template: {}", chain_of(error));
        let advice = "switch its getwork server on, and wait until it is in step with its peers";
        findings.push(Finding::problem("daemon", seen, advice));
    }
    let newest = client.block(info.top_block_hash).await?;
    Ok((findings, newest.map(|block| block.timestamp_ms)))
}

/// The host's clock, by the newest block.
fn clock(block_ms: u64, now_ms: u64) -> Finding {
    let advice = "keep the clock right (systemd-timesyncd or chrony)";
    let (ahead_ms, age_ms) = (
        block_ms.saturating_sub(now_ms),
        now_ms.saturating_sub(block_ms),
    );
    if ahead_ms > CLOCK_AHEAD_MAX_MS {
        let seen = format!("the newest block is {ahead_ms} ms in this host's future");
        return Finding::problem("clock", seen, advice);
    }
    let seen = format!("the newest block is {} s old", age_ms / 1_000);
    if age_ms > BLOCK_AGE_MAX_MS {
        let advice = "either the clock is ahead, or the chain stands still: compare with `date`";
        return Finding::warning("clock", seen, advice);
    }
    Finding::fine("clock", seen)
}

async fn wallet(
    config: &Config,
    section: &WalletSection,
    password: &str,
) -> Result<Finding, ChainError> {
    let timeout = Duration::from_millis(section.timeout_ms);
    let network = config.raw.pool.network;
    let client = WalletClient::new(&section.url, &section.username, password, network, timeout)?;
    let address = client.address().await?;
    if address != config.raw.pool.address {
        let seen = format!(
            "{} is the wallet of {address}, not of pool.address",
            section.url
        );
        let advice = "open the pool's wallet, or correct pool.address: blocks pay to it";
        return Ok(Finding::problem("wallet", seen, advice));
    }
    if !client.is_online().await? {
        let advice = "let the wallet be online: give it a daemon";
        return Ok(Finding::problem("wallet", "it is offline", advice));
    }
    let balance = xel(&client.balance_atomic().await?.into());
    Ok(Finding::fine(
        "wallet",
        format!("{}: {balance} XEL", section.url),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Severity;
    use super::*;

    #[test]
    fn the_clock_is_judged_by_the_newest_block() {
        let now = 1_000_000;
        assert_eq!(clock(now - 5_000, now).severity, Severity::Fine);
        assert_eq!(clock(now + 1_000, now).severity, Severity::Fine);
        assert_eq!(clock(now - 200_000, now).severity, Severity::Warning);
        assert_eq!(clock(now + 3_000, now).severity, Severity::Problem);
    }
}

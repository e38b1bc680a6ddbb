//! What the end-to-end tests do again and again: find a block, let the chain move on, audit.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::devnet::SimulatedNetwork;
use crate::miner::ScriptedMiner;
use crate::node::NodeProcess;
use crate::processes::{DEADLINE, MINERS, Pool, PoolOptions, tail};
use crate::wait;

/// Network difficulty of the tests that hash: a block is found in less than a second.
const NETWORK_DIFFICULTY: u64 = 24;

/// A network on which a scripted miner finds blocks by real hashing, and on which only the test
/// makes other blocks.
pub fn hashing_options() -> PoolOptions {
    PoolOptions {
        network_difficulty: NETWORK_DIFFICULTY,
        stable_depth: 6,
        share_difficulty: 4,
        hashing: true,
        ..PoolOptions::default()
    }
}

/// A pool as one of its nodes shows it.
#[derive(Clone, Copy)]
pub struct Through<'a> {
    /// What the pool mines on.
    pub network: &'a SimulatedNetwork,
    /// The node that is asked.
    pub node: &'a NodeProcess,
}

impl<'a> From<&'a Pool> for Through<'a> {
    fn from(pool: &'a Pool) -> Self {
        Self {
            network: &pool.network,
            node: &pool.node,
        }
    }
}

/// Finds a block as the first of [`MINERS`], and returns its hash once the ledger has it.
///
/// # Errors
/// When the share is refused, or the block is not recorded in time.
pub async fn find_block<'a>(pool: impl Into<Through<'a>>) -> Result<String> {
    let Through { node, .. } = pool.into();
    let before = number_of_blocks(node).await?;
    let stratum = node.stratum().context("the node serves no miners")?;
    let mut miner = ScriptedMiner::connect(stratum, MINERS[0], "finder", "x").await?;
    let nonce = miner.solve(NETWORK_DIFFICULTY)?;
    miner.submit(nonce).await?;
    miner.read_answers().await?;
    ensure!(
        miner.accepted == 1,
        "the solving share was refused: {:?}",
        miner.refused
    );
    // Answered after the block's entry was committed, so it is there at once.
    ensure!(
        number_of_blocks(node).await? == before + 1,
        "the block is not in the ledger"
    );
    let blocks = node.api("/api/v1/blocks?limit=1").await?;
    Ok(blocks["items"][0]["hash"]
        .as_str()
        .context("hash")?
        .to_owned())
}

async fn number_of_blocks(node: &NodeProcess) -> Result<u64> {
    node.api("/api/v1/pool").await?["totals"]["blocks"]
        .as_u64()
        .context("totals.blocks")
}

/// Lets the chain grow block by block until `path` of the API answers what `probe` accepts.
///
/// # Errors
/// At the deadline, with the node's last log lines.
pub async fn mine_until<'a, T>(
    pool: impl Into<Through<'a>>,
    what: &str,
    path: &str,
    probe: impl Fn(&Value) -> Option<T>,
) -> Result<T> {
    let (probe, Through { network, node }) = (&probe, pool.into());
    wait::until(what, DEADLINE, || async move {
        network
            .control("produce_blocks", json!({"count": 1}))
            .await?;
        Ok(probe(&node.api(path).await?))
    })
    .await
    .with_context(|| tail(&node.log(), 40))
}

/// Lets the chain grow until everything found is settled and everything payable is paid.
///
/// # Errors
/// At the deadline.
pub async fn mine_until_quiet<'a>(pool: impl Into<Through<'a>>) -> Result<()> {
    mine_until(
        pool,
        "everything settled and paid",
        "/api/v1/pool",
        |answer| is_quiet(answer)?.then_some(()),
    )
    .await
}

/// Whether the answer of a node about the pool says that everything found is settled and
/// everything payable is paid; `None` when it does not say.
pub fn is_quiet(answer: &Value) -> Option<bool> {
    let is_mature = answer["totals"]["blocks_maturing"] == json!(0);
    let threshold = atomic(&answer["settings"]["payout_threshold_atomic"])?;
    let is_paid = answer["payouts"]["open"].is_null()
        && atomic(&answer["accounts"]["balances_atomic"])? < threshold
        && atomic(&answer["accounts"]["in_flight_atomic"])? == 0;
    Some(is_mature && is_paid)
}

/// Compares what the ledger says was paid with what the simulated chain executed (promise P3):
/// each payout once, each payee exactly his transfers.
///
/// # Errors
/// When they differ.
pub async fn audit_payouts<'a>(pool: impl Into<Through<'a>>) -> Result<u64> {
    let Through { network, node } = pool.into();
    let (on_chain, hashes) = executed(network).await?;
    let (mut in_ledger, mut confirmed) = (BTreeMap::<String, u128>::new(), 0);
    for payout in payouts(node).await? {
        if payout["status"] != json!("confirmed") {
            continue;
        }
        confirmed += 1;
        let hash = payout["tx_hash"].as_str().context("tx_hash")?;
        ensure!(
            hashes.iter().any(|known| known == hash),
            "{hash} was never executed"
        );
        let detail = node
            .api(&format!("/api/v1/payouts/{}", payout["id"]))
            .await?;
        for transfer in detail["transfers"].as_array().context("transfers")? {
            let payee = transfer["address"].as_str().context("address")?.to_owned();
            *in_ledger.entry(payee).or_default() +=
                atomic(&transfer["transfer_atomic"]).context("transfer")?;
        }
    }
    ensure!(
        hashes.len() == confirmed,
        "{} transactions were executed, {confirmed} payouts are confirmed",
        hashes.len()
    );
    ensure!(
        on_chain == in_ledger,
        "on the chain {on_chain:?}, in the ledger {in_ledger:?}"
    );
    Ok(confirmed as u64)
}

/// What the chain paid whom out of the pool's wallet, and the transactions that did it.
async fn executed(network: &SimulatedNetwork) -> Result<(BTreeMap<String, u128>, Vec<String>)> {
    let state = network.state().await?;
    let (mut paid, mut hashes) = (BTreeMap::<String, u128>::new(), Vec::new());
    for executed in state["executed"].as_array().context("executed")? {
        if executed["source"] != json!(network.addresses.pool_address) {
            continue;
        }
        hashes.push(executed["hash"].as_str().context("hash")?.to_owned());
        for payment in executed["payments"].as_array().context("payments")? {
            let payee = payment[0].as_str().context("payee")?.to_owned();
            *paid.entry(payee).or_default() += u128::from(payment[1].as_u64().context("amount")?);
        }
    }
    Ok((paid, hashes))
}

/// Every payout of the ledger.
async fn payouts(node: &NodeProcess) -> Result<Vec<Value>> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/payouts?limit=100{before}");
        let page = node.api(&path).await?;
        all.extend(page["items"].as_array().context("items")?.iter().cloned());
        match page["next_before"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return Ok(all),
        }
    }
}

/// How many shares of each worker of `miner` the ledger has credited; none when it does not know
/// the miner.
///
/// # Errors
/// When the node does not answer.
pub async fn credited_by_worker(node: &NodeProcess, miner: &str) -> Result<BTreeMap<String, u64>> {
    let (mut credited, mut after) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/api/v1/miners/{miner}/workers?limit=100{after}");
        let Some(page) = node.api_if_found(&path).await? else {
            return Ok(credited);
        };
        for worker in page["items"].as_array().context("items")? {
            let name = worker["name"].as_str().context("name")?.to_owned();
            credited.insert(name, worker["shares"].as_u64().context("shares")?);
        }
        match page["next_after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(credited),
        }
    }
}

/// A decimal string of atomic units.
pub fn atomic(value: &Value) -> Option<u128> {
    value.as_str()?.parse().ok()
}

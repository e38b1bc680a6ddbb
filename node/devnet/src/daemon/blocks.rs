//! Methods that show blocks.

use raftpool_chain::Hash;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Called, Daemon};
use crate::{
    chain::Chain,
    rpc::{Params, RpcError, read_hash},
};

/// Most blocks of a range.
const RANGE_LIMIT: u64 = 20;
/// Most hashes of an order.
const ORDER_LIMIT: u64 = 64;

#[derive(Deserialize, Default)]
struct TopParams {
    #[serde(default)]
    include_txs: bool,
}

#[derive(Deserialize)]
struct ByHash {
    hash: String,
    #[serde(default)]
    include_txs: bool,
}

#[derive(Deserialize)]
struct AtHeight {
    height: u64,
    #[serde(default)]
    include_txs: bool,
}

#[derive(Deserialize)]
struct AtTopoheight {
    topoheight: u64,
    #[serde(default)]
    include_txs: bool,
}

#[derive(Deserialize, Default)]
struct Range {
    #[serde(alias = "start_height")]
    start_topoheight: Option<u64>,
    #[serde(alias = "end_height")]
    end_topoheight: Option<u64>,
}

impl Daemon {
    pub(super) fn call_blocks(&self, method: &str, params: &Params) -> Called {
        let params = params.clone();
        let answer = match method {
            "get_top_block" => params.read_or_default().and_then(|params: TopParams| {
                self.with_chain(|chain| show(chain, &chain.top_hash(), params.include_txs))
            }),
            "get_block_by_hash" => params.read().and_then(|params: ByHash| {
                let hash = read_hash(&params.hash)?;
                self.with_chain(|chain| show(chain, &hash, params.include_txs))
            }),
            "get_blocks_at_height" => params.read().map(|params: AtHeight| {
                self.with_chain(|chain| at_height(chain, params.height, params.include_txs))
            }),
            "get_block_at_topoheight" => params.read().and_then(|params: AtTopoheight| {
                self.with_chain(|chain| {
                    let hash = hash_at(chain, params.topoheight)?;
                    show(chain, &hash, params.include_txs)
                })
            }),
            "get_blocks_range_by_topoheight" => params.read().and_then(|range: Range| {
                self.with_chain(|chain| {
                    let range = check(&range, chain.topoheight(), RANGE_LIMIT)?;
                    range
                        .map(|topoheight| show(chain, &hash_at(chain, topoheight)?, false))
                        .collect()
                })
            }),
            "get_blocks_range_by_height" => params.read().and_then(|range: Range| {
                self.with_chain(|chain| {
                    let mut range = check(&range, chain.height(), RANGE_LIMIT)?;
                    let hashes = range
                        .by_ref()
                        .flat_map(|height| chain.blocks_at_height(height));
                    hashes.map(|hash| show(chain, hash, false)).collect()
                })
            }),
            "get_dag_order" => params.read_or_default().and_then(|range: Range| {
                self.with_chain(|chain| {
                    let range = check(&range, chain.topoheight(), ORDER_LIMIT)?;
                    range
                        .map(|topoheight| Ok(json!(hash_at(chain, topoheight)?.to_string())))
                        .collect()
                })
            }),
            _ => return None,
        };
        Some(answer)
    }
}

fn show(chain: &Chain, hash: &Hash, include_transactions: bool) -> Result<Value, RpcError> {
    chain.block_json(hash, include_transactions).ok_or_else(|| {
        RpcError::invalid_params(format!(
            "Error while retrieving block by hash: {hash} not found"
        ))
    })
}

fn at_height(chain: &Chain, height: u64, include_transactions: bool) -> Value {
    let blocks = chain.blocks_at_height(height).iter();
    blocks
        .filter_map(|hash| chain.block_json(hash, include_transactions))
        .collect()
}

fn hash_at(chain: &Chain, topoheight: u64) -> Result<Hash, RpcError> {
    chain
        .placed(topoheight)
        .map(|placed| placed.hash)
        .ok_or_else(|| {
            RpcError::unspecified(
                "Error while retrieving hash at topo height: Data not found on disk: load data",
            )
        })
}

fn check(range: &Range, top: u64, limit: u64) -> Result<std::ops::RangeInclusive<u64>, RpcError> {
    let end = range.end_topoheight.unwrap_or(top);
    let start = range
        .start_topoheight
        .unwrap_or_else(|| end.saturating_sub(limit - 1));
    if start > end || end > top || end - start >= limit {
        return Err(RpcError::unspecified(format!(
            "Invalid range requested, start: {start}, end: {end}: Invalid JSON request"
        )));
    }
    Ok(start..=end)
}

//! Methods about transactions, waiting and executed.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Called, Daemon};
use crate::{
    chain::Chain,
    fees::FEE_PER_KIB_ATOMIC,
    rpc::{Params, RpcError, read_hash, read_hex},
    transaction::Transaction,
};

/// Most transactions asked for at once.
const LIST_LIMIT: usize = 20;

#[derive(Deserialize)]
struct SubmitParams {
    data: String,
}

#[derive(Deserialize)]
struct ByHash {
    hash: String,
}

#[derive(Deserialize)]
struct ByHashes {
    tx_hashes: Vec<String>,
}

#[derive(Deserialize)]
struct InBlock {
    tx_hash: String,
    block_hash: String,
}

#[derive(Deserialize, Default)]
struct Page {
    maximum: Option<usize>,
    skip: Option<usize>,
}

impl Daemon {
    pub(super) fn call_transactions(&self, method: &str, params: &Params) -> Called {
        let params = params.clone();
        let answer = match method {
            "submit_transaction" => params.read().and_then(|params: SubmitParams| {
                let bytes = read_hex(&params.data)?;
                let transaction = Transaction::decode(&bytes).map_err(RpcError::invalid_params)?;
                self.with_chain(|chain| chain.submit_transaction(transaction))?;
                Ok(json!(true))
            }),
            "get_transaction" => params
                .read()
                .and_then(|params: ByHash| self.with_chain(|chain| show(chain, &params.hash))),
            "get_transactions" => params
                .read()
                .and_then(|params: ByHashes| self.list(&params.tx_hashes)),
            "get_transaction_executor" => params
                .read()
                .and_then(|params: ByHash| self.with_chain(|chain| executor(chain, &params.hash))),
            "is_tx_executed_in_block" => params.read().and_then(|params: InBlock| {
                let (transaction, block) =
                    (read_hash(&params.tx_hash)?, read_hash(&params.block_hash)?);
                Ok(json!(self.with_chain(|chain| {
                    chain.is_executed_in(&transaction, &block)
                })))
            }),
            "get_mempool" => params
                .read_or_default()
                .map(|page: Page| self.with_chain(|chain| mempool(chain, &page))),
            "count_transactions" => params
                .none()
                .map(|()| json!(self.with_chain(|chain| chain.executed_count()))),
            "get_estimated_fee_per_kb" => params.none().map(|()| {
                json!({
                    "fee_per_kb": FEE_PER_KIB_ATOMIC,
                    "predicated_fee_per_kb": FEE_PER_KIB_ATOMIC,
                })
            }),
            "get_estimated_fee_rates" => params.none().map(|()| {
                json!({
                    "default": FEE_PER_KIB_ATOMIC,
                    "high": FEE_PER_KIB_ATOMIC,
                    "low": FEE_PER_KIB_ATOMIC,
                    "medium": FEE_PER_KIB_ATOMIC,
                })
            }),
            _ => return None,
        };
        Some(answer)
    }

    fn list(&self, hashes: &[String]) -> Result<Value, RpcError> {
        if hashes.len() > LIST_LIMIT {
            let message = format!(
                "Too many requested txs: {}, maximum is {LIST_LIMIT}",
                hashes.len()
            );
            return Err(RpcError::invalid_params(message));
        }
        self.with_chain(|chain| {
            let shown = hashes.iter().map(|text| {
                let hash = read_hash(text)?;
                Ok(chain.transaction_json(&hash).unwrap_or(Value::Null))
            });
            shown.collect()
        })
    }
}

fn show(chain: &Chain, text: &str) -> Result<Value, RpcError> {
    let hash = read_hash(text)?;
    chain.transaction_json(&hash).ok_or_else(|| {
        RpcError::unspecified(format!(
            "Error while retrieving transaction from disk and mempool: Tx {hash} not found in mempool"
        ))
    })
}

fn executor(chain: &Chain, text: &str) -> Result<Value, RpcError> {
    let hash = read_hash(text)?;
    let block = chain
        .executor_of(&hash)
        .and_then(|block| chain.block(&block))
        .ok_or_else(RpcError::not_found_on_disk)?;
    Ok(json!({
        "block_hash": block.hash.to_string(),
        "block_timestamp": block.header.timestamp_ms,
        "block_topoheight": chain.topoheight_of(&block.hash),
    }))
}

fn mempool(chain: &Chain, page: &Page) -> Value {
    let waiting = chain.mempool().iter();
    let shown = waiting
        .skip(page.skip.unwrap_or(0))
        .take(page.maximum.unwrap_or(usize::MAX));
    let transactions: Vec<Value> = shown
        .filter_map(|waiting| chain.transaction_json(&waiting.transaction.hash))
        .collect();
    json!({ "total": chain.mempool().len(), "transactions": transactions })
}

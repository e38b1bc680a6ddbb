//! What the wallet remembers of the chain: its coinbases and its payments.

use raftpool_chain::Hash;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Wallet;
use crate::{
    chain::{Chain, Placed},
    rpc::{Params, RpcError, read_hash},
    transaction::{NATIVE_ASSET, Transaction, address_text},
};

#[derive(Deserialize)]
#[serde(default)]
struct ListParams {
    min_topoheight: Option<u64>,
    max_topoheight: Option<u64>,
    accept_incoming: bool,
    accept_outgoing: bool,
    accept_coinbase: bool,
    limit: Option<usize>,
    skip: Option<usize>,
}

impl Default for ListParams {
    fn default() -> Self {
        Self {
            min_topoheight: None,
            max_topoheight: None,
            accept_incoming: true,
            accept_outgoing: true,
            accept_coinbase: true,
            limit: None,
            skip: None,
        }
    }
}

#[derive(Deserialize)]
struct ByHash {
    hash: String,
}

impl Wallet {
    /// Entries, the newest first.
    pub(super) fn list_transactions(&self, params: Params) -> Result<Value, RpcError> {
        let wanted: ListParams = params.read_or_default()?;
        Ok(self.with_chain(|chain| {
            let last = wanted
                .max_topoheight
                .unwrap_or(u64::MAX)
                .min(chain.topoheight());
            let first = wanted.min_topoheight.unwrap_or(0);
            (first..=last)
                .rev()
                .filter_map(|topoheight| Some((topoheight, chain.placed(topoheight)?)))
                .flat_map(|(topoheight, placed)| self.entries(chain, topoheight, placed, &wanted))
                .skip(wanted.skip.unwrap_or(0))
                .take(wanted.limit.unwrap_or(usize::MAX))
                .collect()
        }))
    }

    pub(super) fn get_transaction(&self, params: Params) -> Result<Value, RpcError> {
        let params: ByHash = params.read()?;
        let hash = read_hash(&params.hash)?;
        self.with_chain(|chain| self.entry_of(chain, &hash))
            .ok_or_else(|| {
                RpcError::unspecified(format!("Transaction {hash} was not found in the wallet"))
            })
    }

    pub(super) fn pending_transactions(&self) -> Value {
        self.with_chain(|chain| {
            let own = chain
                .mempool()
                .iter()
                .filter(|waiting| waiting.transaction.draft.source == self.key);
            own.map(|waiting| {
                json!({
                    "first_seen": waiting.first_seen_s,
                    "hash": waiting.transaction.hash.to_string(),
                    "outgoing": self.outgoing(&waiting.transaction),
                })
            })
            .collect()
        })
    }

    fn entry_of(&self, chain: &Chain, hash: &Hash) -> Option<Value> {
        let block = chain.executor_of(hash)?;
        let topoheight = chain.topoheight_of(&block)?;
        let entries = self.entries(
            chain,
            topoheight,
            chain.placed(topoheight)?,
            &ListParams::default(),
        );
        entries
            .into_iter()
            .find(|entry| entry["hash"] == hash.to_string())
    }

    fn entries(
        &self,
        chain: &Chain,
        topoheight: u64,
        placed: &Placed,
        wanted: &ListParams,
    ) -> Vec<Value> {
        let Some(block) = chain.block(&placed.hash) else {
            return Vec::new();
        };
        let entry = |hash: &Hash, kind: &str, content: Value| {
            json!({
                "hash": hash.to_string(),
                "timestamp": block.header.timestamp_ms,
                "topoheight": topoheight,
                kind: content,
            })
        };
        let mut entries = Vec::new();
        for transaction in placed
            .executed
            .iter()
            .rev()
            .filter_map(|hash| chain.transaction(hash))
        {
            if transaction.draft.source == self.key {
                if wanted.accept_outgoing {
                    entries.push(entry(
                        &transaction.hash,
                        "outgoing",
                        self.outgoing(transaction),
                    ));
                }
            } else if wanted.accept_incoming
                && let Some(content) = self.incoming(transaction)
            {
                entries.push(entry(&transaction.hash, "incoming", content));
            }
        }
        if wanted.accept_coinbase && block.header.miner_key == self.key {
            let content = json!({ "reward": placed.reward.miner_atomic });
            entries.push(entry(&placed.hash, "coinbase", content));
        }
        entries
    }

    fn outgoing(&self, transaction: &Transaction) -> Value {
        let transfers: Vec<Value> = transaction
            .draft
            .payments
            .iter()
            .map(|payment| {
                json!({
                    "amount": payment.amount_atomic,
                    "asset": NATIVE_ASSET,
                    "destination": address_text(&payment.destination, self.network),
                    "extra_data": null,
                })
            })
            .collect();
        json!({
            "fee": transaction.draft.fee_atomic,
            "nonce": transaction.draft.nonce,
            "transfers": transfers,
        })
    }

    fn incoming(&self, transaction: &Transaction) -> Option<Value> {
        let transfers: Vec<Value> = transaction
            .draft
            .payments
            .iter()
            .filter(|payment| payment.destination == self.key)
            .map(|payment| {
                json!({ "amount": payment.amount_atomic, "asset": NATIVE_ASSET, "extra_data": null })
            })
            .collect();
        let from = address_text(&transaction.draft.source, self.network);
        (!transfers.is_empty()).then(|| json!({ "from": from, "transfers": transfers }))
    }
}

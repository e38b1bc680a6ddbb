//! Methods about addresses, nonces and balances.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Called, Daemon};
use crate::{
    chain::{Chain, NonceVersion},
    rpc::{Params, RpcError, read_address},
    transaction::NATIVE_ASSET,
};

#[derive(Deserialize)]
struct ByAddress {
    address: String,
}

#[derive(Deserialize)]
struct AtTopoheight {
    address: String,
    topoheight: u64,
}

#[derive(Deserialize)]
struct Extract {
    address: String,
    #[serde(default)]
    as_hex: bool,
}

#[derive(Deserialize)]
struct Registered {
    address: String,
    #[serde(default)]
    in_stable_height: bool,
}

impl Daemon {
    pub(super) fn call_accounts(&self, method: &str, params: &Params) -> Called {
        let params = params.clone();
        let key = |address: &str| read_address(address, self.network);
        let answer = match method {
            "validate_address" => params.read().and_then(|params: ByAddress| {
                key(&params.address).map(|_| json!({ "is_integrated": false, "is_valid": true }))
            }),
            "extract_key_from_address" => params.read().and_then(|params: Extract| {
                let key = key(&params.address)?;
                Ok(if params.as_hex {
                    json!({ "hex": hex::encode(key) })
                } else {
                    json!({ "bytes": key })
                })
            }),
            "get_nonce" => params.read().and_then(|params: ByAddress| {
                let key = key(&params.address)?;
                self.with_chain(|chain| {
                    show(chain.accounts().nonce(&key), "Error while retrieving nonce")
                })
            }),
            "get_nonce_at_topoheight" => params.read().and_then(|params: AtTopoheight| {
                let key = key(&params.address)?;
                self.with_chain(|chain| {
                    let version = chain.accounts().nonce_at(&key, params.topoheight);
                    show(version, "Error while retrieving nonce at exact topo height")
                })
            }),
            "has_nonce" => params
                .read()
                .and_then(|params: ByAddress| self.exists(&params.address)),
            "has_balance" => params
                .read()
                .and_then(|params: ByAddress| self.exists(&params.address)),
            "is_account_registered" => params.read().and_then(|params: Registered| {
                let key = key(&params.address)?;
                Ok(self.with_chain(|chain| {
                    let top = chain.topoheight();
                    let at = if params.in_stable_height {
                        chain.stable_topoheight()
                    } else {
                        top
                    };
                    json!(chain.accounts().is_registered_at(&key, at))
                }))
            }),
            "get_mempool_cache" => params.read().and_then(|params: ByAddress| {
                let key = key(&params.address)?;
                self.with_chain(|chain| mempool_cache(chain, &key))
            }),
            _ => return None,
        };
        Some(answer)
    }

    fn exists(&self, address: &str) -> Result<Value, RpcError> {
        let key = read_address(address, self.network)?;
        Ok(self.with_chain(|chain| json!({ "exist": chain.accounts().nonce(&key).is_some() })))
    }
}

fn show(version: Option<NonceVersion>, context: &str) -> Result<Value, RpcError> {
    let version = version.ok_or_else(|| {
        RpcError::unspecified(format!("{context}: Data not found on disk: load data"))
    })?;
    Ok(json!({
        "nonce": version.nonce,
        "previous_topoheight": version.previous_topoheight,
        "topoheight": version.topoheight,
    }))
}

fn mempool_cache(chain: &Chain, key: &[u8; 32]) -> Result<Value, RpcError> {
    let waiting = chain
        .mempool()
        .of_account(key)
        .ok_or_else(|| RpcError::unspecified("Account not found while retrieving mempool cache"))?;
    let left = chain
        .accounts()
        .balance_atomic(key)
        .saturating_sub(chain.mempool().spent_by_atomic(key));
    // The real one is an encrypted number; nobody can read that either.
    let sealed = |part: &str| *blake3::hash(format!("{part} {left}").as_bytes()).as_bytes();
    Ok(json!({
        "balances": { NATIVE_ASSET: { "commitment": sealed("commitment"), "handle": sealed("handle") } },
        "max": waiting.keys().next_back(),
        "min": waiting.keys().next(),
        "multisig": null,
        "txs": waiting.values().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

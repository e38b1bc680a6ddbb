//! The official wallet over JSON-RPC. It only ever builds and signs here; sending is the daemons' part.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    BoxFuture,
    address::Address,
    error::ChainError,
    hash::Hash,
    network::Network,
    rpc::{Credentials, RpcClient},
    wallet::{BuiltTransaction, Transfer, Wallet, WalletSpend},
};

/// The coin itself, as opposed to other assets of the chain.
const NATIVE_ASSET: Hash = Hash([0; 32]);
/// Most the wallet may pay per KiB when blocks are full, in atomic units; ten times the usual
/// price. Above it the daemons refuse the transaction, and the payout waits for emptier blocks.
const BASE_FEE_CAP_ATOMIC: u64 = 100_000;

/// Entries of the history asked for at once.
const HISTORY_PAGE: usize = 100;

/// JSON-RPC over HTTP (Basic authentication) to the official wallet.
#[derive(Debug)]
pub struct WalletClient {
    rpc: RpcClient,
    network: Network,
}

impl WalletClient {
    /// A client of the wallet at `url`; `timeout` is the deadline of every single request. Building
    /// for 255 payees takes several seconds, so a minute is a good choice.
    ///
    /// # Errors
    ///
    /// Refuses URLs other than `http://host:port`; `https://` is not supported by this build.
    pub fn new(
        url: &str,
        username: &str,
        password: &str,
        network: Network,
        timeout: Duration,
    ) -> Result<Self, ChainError> {
        let credentials = Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        Ok(Self {
            rpc: RpcClient::new("wallet", url, Some(credentials), timeout)?,
            network,
        })
    }

    async fn read_address(&self) -> Result<String, ChainError> {
        let read = |name: String| {
            name.parse::<Network>()
                .map_err(|unknown| unknown.to_string())
        };
        let found = self.rpc.call_and_read("get_network", None, read).await?;
        if found != self.network {
            return Err(ChainError::WrongNetwork {
                endpoint: self.rpc.endpoint().to_owned(),
                expected: self.network,
                found,
            });
        }
        let read = |text: String| {
            Address::parse(&text, self.network)
                .map(|address| address.as_str().to_owned())
                .map_err(|error| error.to_string())
        };
        self.rpc.call_and_read("get_address", None, read).await
    }

    async fn clear_cache(&self) -> Result<(), ChainError> {
        let read = |done: bool| {
            if done {
                Ok(())
            } else {
                Err("the cache was not cleared".to_owned())
            }
        };
        self.rpc.call_and_read("clear_tx_cache", None, read).await
    }

    async fn read_spends(&self) -> Result<Vec<WalletSpend>, ChainError> {
        let (mut spends, mut known) = (Vec::new(), BTreeSet::new());
        loop {
            let params = json!({
                "accept_incoming": false,
                "accept_outgoing": true,
                "accept_coinbase": false,
                "accept_burn": false,
                "limit": HISTORY_PAGE,
                "skip": spends.len(),
            });
            let read = |entries: Vec<HistoryEntry>| Ok(entries);
            let page = self
                .rpc
                .call_and_read("list_transactions", Some(params), read)
                .await?;
            let (told, before) = (page.len(), spends.len());
            // What is executed meanwhile moves the rest on, so that pages may overlap.
            let new = page.into_iter().filter(|entry| known.insert(entry.hash));
            spends.extend(new.map(WalletSpend::from));
            // A page that brings nothing new is the end as well: a wallet might not know `skip`.
            if told < HISTORY_PAGE || spends.len() == before {
                return Ok(spends);
            }
        }
    }

    async fn build_and_check(
        &self,
        transfers: &[Transfer],
        nonce: u64,
    ) -> Result<BuiltTransaction, ChainError> {
        let own_address = self.read_address().await?;
        // A build that was not sent still counts in the wallet's memory and would spoil the next.
        self.clear_cache().await?;
        let params = json!({
            "transfers": on_wire(transfers),
            "fee": {"extra": "none"},
            "base_fee": {"cap": BASE_FEE_CAP_ATOMIC},
            "nonce": nonce,
            "broadcast": false,
            "tx_as_hex": true,
        });
        let read = |answer: BuildAnswer| match hex::decode(&answer.tx_as_hex) {
            Ok(bytes) => Ok((answer, bytes)),
            Err(error) => Err(format!("tx_as_hex: {error}")),
        };
        let (answer, bytes) = self
            .rpc
            .call_and_read("build_transaction", Some(params), read)
            .await?;
        self.check(&answer, &bytes, &own_address, transfers, nonce)?;
        let named = answer
            .data
            .transfers
            .into_iter()
            .map(|transfer| transfer.destination);
        Ok(BuiltTransaction {
            hash: answer.hash,
            bytes,
            source: answer.source,
            nonce: answer.nonce,
            fee_atomic: answer.fee,
            transfers: named
                .zip(transfers.iter().map(|asked| asked.amount_atomic))
                .collect(),
            reference_topoheight: answer.reference.topoheight,
        })
    }

    fn check(
        &self,
        answer: &BuildAnswer,
        bytes: &[u8],
        own_address: &str,
        transfers: &[Transfer],
        nonce: u64,
    ) -> Result<(), ChainError> {
        let endpoint = || self.rpc.endpoint().to_owned();
        let computed = Hash::of(bytes);
        if computed != answer.hash {
            return Err(ChainError::BuiltWrongHash {
                endpoint: endpoint(),
                claimed: answer.hash,
                computed,
            });
        }
        if answer.nonce != nonce {
            return Err(ChainError::BuiltWrongNonce {
                endpoint: endpoint(),
                expected: nonce,
                found: answer.nonce,
            });
        }
        if answer.source != own_address {
            return Err(ChainError::BuiltWrongSource {
                endpoint: endpoint(),
                expected: own_address.to_owned(),
                found: crate::rpc::excerpt(&answer.source),
            });
        }
        match first_difference(transfers, &answer.data.transfers) {
            None => Ok(()),
            Some(problem) => Err(ChainError::BuiltWrongTransfers {
                endpoint: endpoint(),
                problem,
            }),
        }
    }
}

fn on_wire(transfers: &[Transfer]) -> Vec<Value> {
    let one = |transfer: &Transfer| {
        json!({
            "asset": NATIVE_ASSET,
            "amount": transfer.amount_atomic,
            "destination": transfer.destination.as_str(),
        })
    };
    transfers.iter().map(one).collect()
}

/// The wallet keeps the order, and does not repeat the amounts.
fn first_difference(asked: &[Transfer], built: &[BuiltTransfer]) -> Option<String> {
    if asked.len() != built.len() {
        return Some(format!("{} instead of {}", built.len(), asked.len()));
    }
    let pairs = asked.iter().zip(built).enumerate();
    for (index, (asked, built)) in pairs {
        if built.destination != asked.destination.as_str() {
            let found = crate::rpc::excerpt(&built.destination);
            return Some(format!(
                "transfer {index} goes to {found}, not {}",
                asked.destination
            ));
        }
        if built.asset != NATIVE_ASSET {
            return Some(format!("transfer {index} is of the asset {}", built.asset));
        }
    }
    None
}

#[derive(Deserialize)]
struct BuildAnswer {
    hash: Hash,
    tx_as_hex: String,
    source: String,
    nonce: u64,
    fee: u64,
    reference: Reference,
    data: BuiltData,
}

#[derive(Deserialize)]
struct Reference {
    topoheight: u64,
}

#[derive(Deserialize)]
struct BuiltData {
    transfers: Vec<BuiltTransfer>,
}

#[derive(Deserialize)]
struct BuiltTransfer {
    asset: Hash,
    destination: String,
}

#[derive(Deserialize)]
struct HistoryEntry {
    hash: Hash,
    topoheight: u64,
    outgoing: Outgoing,
}

#[derive(Deserialize)]
struct Outgoing {
    transfers: Vec<OutgoingTransfer>,
    fee: u64,
    nonce: u64,
}

#[derive(Deserialize)]
struct OutgoingTransfer {
    destination: String,
    asset: Hash,
    amount: u64,
}

impl From<HistoryEntry> for WalletSpend {
    fn from(entry: HistoryEntry) -> Self {
        let transfers = entry.outgoing.transfers.into_iter();
        let of_coin = transfers.filter(|transfer| transfer.asset == NATIVE_ASSET);
        Self {
            hash: entry.hash,
            nonce: entry.outgoing.nonce,
            fee_atomic: entry.outgoing.fee,
            topoheight: entry.topoheight,
            transfers: of_coin
                .map(|transfer| (transfer.destination, transfer.amount))
                .collect(),
        }
    }
}

impl Wallet for WalletClient {
    fn name(&self) -> String {
        self.rpc.authority()
    }

    fn address(&self) -> BoxFuture<'_, Result<String, ChainError>> {
        Box::pin(self.read_address())
    }

    fn is_online(&self) -> BoxFuture<'_, Result<bool, ChainError>> {
        Box::pin(self.rpc.call("is_online", None))
    }

    fn topoheight(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(self.rpc.call("get_topoheight", None))
    }

    fn balance_atomic(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(
            self.rpc
                .call("get_balance", Some(json!({"asset": NATIVE_ASSET}))),
        )
    }

    fn spends(&self) -> BoxFuture<'_, Result<Vec<WalletSpend>, ChainError>> {
        Box::pin(self.read_spends())
    }

    fn estimate_fee_atomic<'a>(
        &'a self,
        transfers: &'a [Transfer],
    ) -> BoxFuture<'a, Result<u64, ChainError>> {
        let params = json!({"transfers": on_wire(transfers)});
        Box::pin(self.rpc.call("estimate_fees", Some(params)))
    }

    fn clear_transaction_cache(&self) -> BoxFuture<'_, Result<(), ChainError>> {
        Box::pin(self.clear_cache())
    }

    fn build<'a>(
        &'a self,
        transfers: &'a [Transfer],
        nonce: u64,
    ) -> BoxFuture<'a, Result<BuiltTransaction, ChainError>> {
        Box::pin(self.build_and_check(transfers, nonce))
    }
}

#[cfg(test)]
mod tests;

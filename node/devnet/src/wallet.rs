//! The simulated wallet: one key, a memory of what it built, and the methods of the official one.
//!
//! Like the official wallet it checks little: it builds with a nonce that is used or ahead. What it
//! built without sending stays in its memory, as a changed nonce and balance, until it is cleared.

mod build;
mod history;
mod server;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use raftpool_chain::Network;
use raftpool_chain::signature::SigningKey;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use server::router;

use crate::{
    chain::Chain,
    config::DevnetConfig,
    daemon::{Daemon, VERSION},
    faults::{Endpoint, Faults},
    key::{wallet_key, wallet_signing_key},
    rpc::{Params, RpcError, Service},
    transaction::{NATIVE_ASSET, address_text},
};

/// A wallet of the configured key.
pub(crate) struct Wallet {
    index: usize,
    key: [u8; 32],
    network: Network,
    username: String,
    password: String,
    daemon: Arc<Daemon>,
    signing_key: SigningKey,
    is_offline: AtomicBool,
    faults: Arc<Faults>,
    cache: Mutex<Option<Cache>>,
}

/// What the wallet believes after building.
#[derive(Debug, Clone, Copy)]
struct Cache {
    next_nonce: u64,
    balance_atomic: u64,
}

#[derive(Deserialize, Default)]
struct BalanceParams {
    asset: Option<String>,
}

impl Wallet {
    pub(crate) fn new(
        index: usize,
        config: &DevnetConfig,
        daemon: Arc<Daemon>,
        faults: Arc<Faults>,
    ) -> Arc<Self> {
        Arc::new(Self {
            index,
            key: wallet_key(&config.wallet_seed),
            signing_key: wallet_signing_key(&config.wallet_seed),
            network: config.network,
            username: config.wallet_username.clone(),
            password: config.wallet_password.clone(),
            daemon,
            is_offline: AtomicBool::new(false),
            faults,
            cache: Mutex::new(None),
        })
    }

    /// Connects the wallet to its daemon or disconnects it.
    pub(crate) fn set_online(&self, is_online: bool) {
        self.is_offline.store(!is_online, Ordering::SeqCst);
    }

    /// Forgets what was built, as `clear_tx_cache` or a restart does.
    pub(crate) fn clear_cache(&self) {
        *self.cache.lock() = None;
    }

    fn is_online(&self) -> bool {
        !self.is_offline.load(Ordering::SeqCst) && self.daemon.is_running()
    }

    fn with_chain<T>(&self, action: impl FnOnce(&mut Chain) -> T) -> T {
        self.daemon.view().with(action)
    }

    /// The memory, unless the chain has caught up with it.
    fn believed(&self, chain: &Chain) -> Option<Cache> {
        let mut cache = self.cache.lock();
        if cache.is_some_and(|cache| chain.accounts().next_nonce(&self.key) >= cache.next_nonce) {
            *cache = None;
        }
        *cache
    }

    fn next_nonce(&self, chain: &Chain) -> u64 {
        self.believed(chain).map_or_else(
            || chain.accounts().next_nonce(&self.key),
            |cache| cache.next_nonce,
        )
    }

    /// Signs a text; other kinds of data, which the official wallet signs as well, are refused.
    fn sign_data(&self, params: Params) -> Result<Value, RpcError> {
        let text: String = params.read()?;
        let signature = self.signing_key.sign_text(&text);
        let signature = signature.map_err(RpcError::invalid_params)?;
        Ok(json!(hex::encode(signature)))
    }

    fn balance(&self, params: &BalanceParams) -> Result<Value, RpcError> {
        match params.asset.as_deref() {
            None | Some(NATIVE_ASSET) => {
                Ok(json!(self.with_chain(|chain| {
                    chain.accounts().balance_atomic(&self.key)
                })))
            }
            Some(asset) => Err(RpcError::named(
                "BALANCE_NOT_FOUND",
                format!("No balance for asset {asset}"),
            )),
        }
    }
}

impl Service for Wallet {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Wallet
    }

    fn index(&self) -> usize {
        self.index
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    async fn call(&self, method: &str, params: Params) -> Result<Value, RpcError> {
        match method {
            "get_version" => params.none().map(|()| json!(VERSION)),
            "get_network" => params.none().map(|()| json!(self.network.to_string())),
            "get_address" => Ok(json!(address_text(&self.key, self.network))),
            "is_online" => params.none().map(|()| json!(self.is_online())),
            "get_topoheight" => params
                .none()
                .map(|()| json!(self.with_chain(|chain| chain.topoheight()))),
            // What was only built does not show here, although the next build counts it.
            "get_nonce" => params
                .none()
                .map(|()| json!(self.with_chain(|chain| chain.accounts().next_nonce(&self.key)))),
            "get_balance" => self.balance(&params.read_or_default()?),
            "has_balance" => self
                .balance(&params.read_or_default()?)
                .map(|balance| json!({ "exist": balance != 0 })),
            "sign_data" => self.sign_data(params),
            "clear_tx_cache" => params.none().map(|()| {
                self.clear_cache();
                json!(true)
            }),
            "estimate_fees" => self.estimate_fees(params),
            "build_transaction" => self.build_transaction(params),
            "list_transactions" => self.list_transactions(params),
            "get_transaction" => self.get_transaction(params),
            "get_pending_transactions" => params.none().map(|()| self.pending_transactions()),
            _ => Err(RpcError::method_not_found(method)),
        }
    }
}

//! The coin: XELIS addresses, blocks, daemons and wallets, behind small traits.
#![forbid(unsafe_code)]

use std::{fmt, future::Future, pin::Pin, str::FromStr, sync::Arc};
use raftpool_pow::{Algorithm, Difficulty};
use tokio::sync::watch;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// 32 bytes shown as lower-case hex: block hash, transaction hash, work hash. (serde: hex string)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network { Mainnet, Testnet, Stagenet, Devnet } // Display/FromStr lower case as get_info says; prefix(): xel / xet

/// A normal address: canonical text of a valid Ristretto key on the right network. (serde: string)
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address { text: String, key: [u8; 32] }
impl Address {
    /// Strict: type 0, exactly 33 bytes, canonical text, valid non-zero point, prefix of `network`.
    pub fn parse(_text: &str, _network: Network) -> Result<Self, AddressError> { unimplemented!() }
    pub fn from_key(_key: [u8; 32], _network: Network) -> Result<Self, AddressError> { unimplemented!() }
    pub fn as_str(&self) -> &str { &self.text }
    pub fn public_key(&self) -> &[u8; 32] { &self.key }
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError { #[error("placeholder")] Placeholder }

/// The 112 bytes that are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinerWork { pub work_hash: [u8; 32], pub timestamp_ms: u64, pub nonce: u64, pub extra_nonce: [u8; 32], pub miner_key: [u8; 32] }
impl MinerWork {
    pub fn to_bytes(&self) -> [u8; 112] { unimplemented!() }
    pub fn from_bytes(_: &[u8; 112]) -> Self { unimplemented!() }
    /// blake3 of the 112 bytes: the block's identity.
    pub fn block_hash(&self) -> Hash { unimplemented!() }
}

/// A block header as the daemon's templates carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader { pub version: u8, pub height: u64, pub timestamp_ms: u64, pub nonce: u64, pub extra_nonce: [u8; 32], pub tips: Vec<Hash>, pub transactions: Vec<Hash>, pub miner_key: [u8; 32] }
impl BlockHeader {
    pub fn decode(_: &[u8]) -> Result<Self, CodecError> { unimplemented!() }
    pub fn encode(&self) -> Vec<u8> { unimplemented!() }
    pub fn work_hash(&self) -> Hash { unimplemented!() }
    pub fn block_hash(&self) -> Hash { unimplemented!() }
    /// Takes timestamp, nonce, extra nonce and key from the work.
    pub fn with_work(&self, _: &MinerWork) -> Self { unimplemented!() }
    pub fn miner_work(&self) -> MinerWork { unimplemented!() }
}
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError { #[error("placeholder")] Placeholder }

/// What to mine on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template { pub header: BlockHeader, pub work_hash: Hash, pub algorithm: Algorithm, pub height: u64, pub topoheight: u64, pub difficulty: Difficulty }

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo { pub network: Network, pub height: u64, pub topoheight: u64, pub stable_height: u64, pub stable_topoheight: u64, pub difficulty: Difficulty, pub top_block_hash: Hash, pub block_time_target_ms: u64, pub miner_reward_atomic: u64, pub version: String }

/// A block as a daemon sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainBlock { pub hash: Hash, pub height: u64, pub miner: String, pub difficulty: Difficulty, pub timestamp_ms: u64, /** only while ordered */ pub ordered: Option<OrderedBlock> }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderedBlock { pub topoheight: u64, pub miner_reward_atomic: u64, pub total_fees_atomic: u64 }

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitBlockAnswer { Accepted, AlreadyInChain, Refused { kind: String, message: String } }

/// What a daemon answered to a transaction. Never proof of anything: only execution at or below the stable topoheight is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitTransactionAnswer {
    Accepted, AlreadyPending, AlreadyExecuted,
    /// Another pending transaction has this nonce, or the nonce does not fit (TX_NONCE_ALREADY_USED, INVALID_NONCE, INVALID_TX_NONCE_MEMPOOL_CACHE).
    NonceConflict { kind: String, message: String },
    /// Wait and resend (INVALID_REFERENCE_BLOCK_HEIGHT after a reorder, mempool full).
    TryLater { kind: String, message: String },
    /// Anything else the daemon refused.
    Refused { kind: String, message: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution { pub block_hash: Hash, pub topoheight: u64 }

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus { pub our_topoheight: u64, /** None when P2P is off */ pub best_topoheight: Option<u64>, pub peers: u64 }

/// A call failed. Says which endpoint, which method, what came back.
#[derive(Debug, thiserror::Error)]
pub enum ChainError { #[error("placeholder")] Placeholder }
impl ChainError {
    /// Whether the call may nevertheless have been carried out (time-out, lost answer).
    pub fn is_ambiguous(&self) -> bool { unimplemented!() }
}

/// One daemon, or a list of them with failover.
pub trait Daemon: Send + Sync + 'static {
    /// For logs and errors.
    fn name(&self) -> String;
    fn info(&self) -> BoxFuture<'_, Result<ChainInfo, ChainError>>;
    fn sync_status(&self) -> BoxFuture<'_, Result<SyncStatus, ChainError>>;
    fn template<'a>(&'a self, pool: &'a Address) -> BoxFuture<'a, Result<Template, ChainError>>;
    fn submit_block<'a>(&'a self, header: &'a BlockHeader) -> BoxFuture<'a, Result<SubmitBlockAnswer, ChainError>>;
    /// None: this daemon does not know the block (which is not "orphaned").
    fn block(&self, hash: Hash) -> BoxFuture<'_, Result<Option<ChainBlock>, ChainError>>;
    /// The account's next nonce at the top; 0 for an account without one.
    fn nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>>;
    /// The account's next nonce at the stable topoheight (walks back previous_topoheight; section 12 of the facts).
    fn stable_nonce<'a>(&'a self, account: &'a Address) -> BoxFuture<'a, Result<u64, ChainError>>;
    fn submit_transaction<'a>(&'a self, tx: &'a [u8]) -> BoxFuture<'a, Result<SubmitTransactionAnswer, ChainError>>;
    /// Where the transaction was executed, stable or not; None when it is not executed.
    fn execution(&self, tx: Hash) -> BoxFuture<'_, Result<Option<Execution>, ChainError>>;
    /// Whether it waits in this daemon's mempool.
    fn is_pending(&self, tx: Hash) -> BoxFuture<'_, Result<bool, ChainError>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer { pub destination: Address, pub amount_atomic: u64 }

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltTransaction { pub hash: Hash, pub bytes: Vec<u8>, pub source: String, pub nonce: u64, pub fee_atomic: u64, pub transfers: Vec<(String, u64)>, pub reference_topoheight: u64 }

/// The wallet that owns the pool's key. It builds and signs; it never sends.
pub trait Wallet: Send + Sync + 'static {
    fn name(&self) -> String;
    fn address(&self) -> BoxFuture<'_, Result<String, ChainError>>;
    fn is_online(&self) -> BoxFuture<'_, Result<bool, ChainError>>;
    fn topoheight(&self) -> BoxFuture<'_, Result<u64, ChainError>>;
    fn balance_atomic(&self) -> BoxFuture<'_, Result<u64, ChainError>>;
    fn estimate_fee_atomic<'a>(&'a self, transfers: &'a [Transfer]) -> BoxFuture<'a, Result<u64, ChainError>>;
    fn clear_transaction_cache(&self) -> BoxFuture<'_, Result<(), ChainError>>;
    /// `nonce` always explicit, broadcast:false, tx_as_hex:true; the answer's hash is checked against blake3 of the bytes.
    fn build<'a>(&'a self, transfers: &'a [Transfer], nonce: u64) -> BoxFuture<'a, Result<BuiltTransaction, ChainError>>;
}

/// JSON-RPC over HTTP to one official daemon.
pub struct DaemonClient;
impl DaemonClient { pub fn new(_url: &str, _network: Network, _timeout: std::time::Duration) -> Result<Self, ChainError> { unimplemented!() } }
/// JSON-RPC over HTTP (Basic authentication) to the official wallet.
pub struct WalletClient;
impl WalletClient { pub fn new(_url: &str, _username: &str, _password: &str, _network: Network, _timeout: std::time::Duration) -> Result<Self, ChainError> { unimplemented!() } }

/// A list of daemons with health and failover: reads go to the first healthy one (configured order),
/// blocks and transactions to all of them. Implements [`Daemon`]. A health task checks network, height progress and sync.
pub struct DaemonSet;
impl DaemonSet {
    /// Starts the health task (it ends when the last handle is dropped). `urls` must not be empty.
    pub fn start(_daemons: Vec<Arc<dyn Daemon>>, _network: Network) -> Arc<Self> { unimplemented!() }
    pub fn health(&self) -> Vec<DaemonHealth> { unimplemented!() }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonHealth { pub name: String, pub healthy: bool, pub height: Option<u64>, pub problem: Option<String> }

/// Follows templates: WebSocket events (`new_block_template`, `new_block`) as hints, polling as the truth.
/// The receiver always holds the newest template (None until the first). Lives until the receiver and the handle are dropped.
pub struct TemplateFeed;
impl TemplateFeed {
    pub fn start(_daemons: Arc<DaemonSet>, _websocket_urls: Vec<String>, _pool: Address, _poll: std::time::Duration) -> watch::Receiver<Option<Arc<Template>>> { unimplemented!() }
}
impl fmt::Display for Hash { fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result { unimplemented!() } }
impl FromStr for Hash { type Err = CodecError; fn from_str(_: &str) -> Result<Self, CodecError> { unimplemented!() } }

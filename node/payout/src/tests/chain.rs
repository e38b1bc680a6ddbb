//! A chain that fits into a test: one ordered line of blocks, one paying account, its nonces, a
//! mempool, executed transactions, and reorders above the stable height.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use raftpool_chain::{Hash, SubmitTransactionAnswer};

use super::fixtures::pool;

/// Heights from the top that may still change.
pub(crate) const STABILITY: u64 = 24;

/// From here on the salts of transactions that the pool's wallet did not build.
pub(crate) const FOREIGN_SALT: u64 = 1_000_000_000;

/// A transaction of the pool's account, or of somebody else who holds its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tx {
    pub(crate) nonce: u64,
    pub(crate) fee: u64,
    pub(crate) salt: u64,
    pub(crate) reference: u64,
    pub(crate) transfers: Vec<(String, u64)>,
}

impl Tx {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let transfers: Vec<String> = self
            .transfers
            .iter()
            .map(|(address, amount)| format!("{address}={amount}"))
            .collect();
        let Self {
            nonce,
            fee,
            salt,
            reference,
            ..
        } = self;
        format!("{nonce}|{fee}|{salt}|{reference}|{}", transfers.join(",")).into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let parts: Vec<&str> = text.split('|').collect();
        let [nonce, fee, salt, reference, transfers] = parts[..] else {
            return None;
        };
        let transfer = |part: &str| {
            let (address, amount) = part.split_once('=')?;
            Some((address.to_owned(), amount.parse().ok()?))
        };
        Some(Self {
            nonce: nonce.parse().ok()?,
            fee: fee.parse().ok()?,
            salt: salt.parse().ok()?,
            reference: reference.parse().ok()?,
            transfers: transfers.split(',').map(transfer).collect::<Option<_>>()?,
        })
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash(*blake3::hash(&self.encode()).as_bytes())
    }

    fn outgoing(&self) -> u64 {
        self.fee + self.transfers.iter().map(|(_, amount)| amount).sum::<u64>()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct FakeBlock {
    pub(crate) hash: Hash,
    pub(crate) miner: String,
    pub(crate) reward: u64,
    pub(crate) fees: u64,
    pub(crate) executed: Vec<Tx>,
    /// Its height, where that is not its position: beside another block.
    pub(crate) height: Option<u64>,
}

/// Position in `blocks` is topoheight, and height as well unless the block says otherwise.
#[derive(Default, Clone)]
pub(crate) struct FakeChain {
    pub(crate) blocks: Vec<FakeBlock>,
    pub(crate) mempool: BTreeMap<Hash, Tx>,
    /// Blocks the daemon stores without ordering them, by hash, with their height.
    pub(crate) unordered: HashMap<Hash, (u64, String)>,
    /// Salts of transactions that the daemon refuses for good.
    pub(crate) refused_salts: BTreeSet<u64>,
    /// How many sendings are still answered with "try later".
    pub(crate) try_later: u32,
    /// The daemon shows the chain only up to here.
    pub(crate) view_limit: Option<u64>,
    /// What the daemon's peers have, while P2P is on.
    pub(crate) peers_top: Option<u64>,
    /// The daemon has no blocks below this position.
    pub(crate) pruned: Option<u64>,
    /// Another daemon of the configuration that cannot be asked now.
    pub(crate) missing: Option<&'static str>,
    /// Whether the daemon has lost its index of executed transactions.
    pub(crate) has_no_index: bool,
    /// Answers the next sending in place of the checks.
    pub(crate) forced_answer: Option<SubmitTransactionAnswer>,
    /// Everything that was ever handed in.
    pub(crate) submitted: Vec<Tx>,
    made: u64,
}

impl FakeChain {
    pub(crate) fn new() -> Self {
        let mut chain = Self::default();
        chain.mine(STABILITY + 1);
        chain
    }

    /// Another branch: none of its blocks are those of [`FakeChain::new`].
    pub(crate) fn with_other_hashes() -> Self {
        let mut chain = Self {
            made: 1 << 32,
            ..Self::default()
        };
        chain.mine(STABILITY + 1);
        chain
    }

    /// Top as the daemon shows it.
    pub(crate) fn top(&self) -> u64 {
        let top = self.blocks.len() as u64 - 1;
        self.view_limit.map_or(top, |limit| limit.min(top))
    }

    pub(crate) fn stable(&self) -> u64 {
        self.top().saturating_sub(STABILITY)
    }

    pub(crate) fn mine(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.push("somebody".into(), 1000);
        }
    }

    /// A block of the pool; returns its hash and height.
    pub(crate) fn mine_for_pool(&mut self, reward: u64) -> (Hash, u64) {
        let hash = self.push(pool().as_str().into(), reward);
        (hash, self.blocks.len() as u64 - 1)
    }

    /// Adds a block that executes what the mempool has ready.
    fn push(&mut self, miner: String, reward: u64) -> Hash {
        let mut executed: Vec<Tx> = Vec::new();
        let all = self.blocks.len() as u64;
        loop {
            let nonce = self.nonce_at(all) + executed.len() as u64;
            let ready = self.mempool.iter().find(|(_, tx)| tx.nonce == nonce);
            let Some((hash, tx)) = ready.map(|(hash, tx)| (*hash, tx.clone())) else {
                break;
            };
            self.mempool.remove(&hash);
            executed.push(tx);
        }
        let used = self.nonce_at(all) + executed.len() as u64;
        self.mempool.retain(|_, tx| tx.nonce >= used);
        self.made += 1;
        let hash = Hash(*blake3::hash(&self.made.to_be_bytes()).as_bytes());
        let fees = 7 * executed.len() as u64;
        self.blocks.push(FakeBlock {
            hash,
            miner,
            reward,
            fees,
            executed,
            height: None,
        });
        hash
    }

    /// What the daemon has of a position.
    pub(crate) fn shown(&self, position: u64) -> Option<&FakeBlock> {
        let is_shown = position <= self.top() && self.pruned.is_none_or(|from| position >= from);
        let block = self.blocks.get(usize::try_from(position).ok()?);
        block.filter(|_| is_shown)
    }

    /// Somebody else spends with the pool's key.
    pub(crate) fn foreign_spend(&mut self) {
        let nonce = self.nonce_at(self.blocks.len() as u64);
        self.made += 1;
        let salt = FOREIGN_SALT + self.made;
        let tx = Tx {
            nonce,
            fee: 1,
            salt,
            reference: 0,
            transfers: vec![("thief".into(), 1)],
        };
        self.mempool.clear();
        self.mempool.insert(tx.hash(), tx);
        self.mine(1);
    }

    /// Replaces the newest blocks; what they executed waits again, or is forgotten.
    pub(crate) fn reorder(&mut self, depth: u64, keeps_transactions: bool) {
        let depth = depth.min(STABILITY - 1);
        for _ in 0..depth {
            let Some(block) = self.blocks.pop() else {
                break;
            };
            for tx in block.executed.into_iter().filter(|_| keeps_transactions) {
                self.mempool.insert(tx.hash(), tx);
            }
        }
        let kept = std::mem::take(&mut self.mempool);
        self.mine(depth);
        self.mempool = kept;
    }

    /// The next nonce after the blocks below position `end`.
    fn nonce_at(&self, end: u64) -> u64 {
        self.blocks
            .iter()
            .take(end as usize)
            .map(|block| block.executed.len() as u64)
            .sum()
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.nonce_at(self.top() + 1)
    }

    pub(crate) fn stable_nonce(&self) -> u64 {
        self.nonce_at(self.stable() + 1)
    }

    /// Block hash and topoheight of an execution, as far as the daemon shows.
    pub(crate) fn execution(&self, tx: Hash) -> Option<(Hash, u64)> {
        let mut shown = self.blocks.iter().zip(0..=self.top());
        shown
            .find(|(block, _)| block.executed.iter().any(|executed| executed.hash() == tx))
            .map(|(block, topoheight)| (block.hash, topoheight))
            .filter(|_| !self.has_no_index)
    }

    pub(crate) fn executed(&self) -> impl Iterator<Item = &Tx> {
        self.blocks.iter().flat_map(|block| &block.executed)
    }

    /// What the account has received and not spent.
    pub(crate) fn balance(&self) -> u64 {
        let pool = pool();
        let mine = self
            .blocks
            .iter()
            .filter(|block| block.miner == pool.as_str());
        let income: u64 = mine.map(|block| block.reward + block.fees).sum();
        income.saturating_sub(self.executed().map(Tx::outgoing).sum())
    }

    /// The daemon's checks in their order (protocol facts, section 6.3).
    pub(crate) fn submit(&mut self, bytes: &[u8]) -> SubmitTransactionAnswer {
        use SubmitTransactionAnswer as A;
        let refusal = |kind: &str| (kind.to_owned(), "says the fake daemon".to_owned());
        let Some(tx) = Tx::decode(bytes) else {
            let (kind, message) = refusal("INVALID_TRANSACTION");
            return A::Refused { kind, message };
        };
        self.submitted.push(tx.clone());
        if let Some(answer) = self.forced_answer.take() {
            return answer;
        }
        let hash = tx.hash();
        if self.executed().any(|executed| *executed == tx) {
            return A::AlreadyExecuted;
        }
        if self.mempool.contains_key(&hash) {
            return A::AlreadyPending;
        }
        if self
            .mempool
            .values()
            .any(|pending| pending.nonce == tx.nonce)
        {
            let (kind, message) = refusal("TX_NONCE_ALREADY_USED");
            return A::NonceConflict { kind, message };
        }
        if tx.nonce != self.nonce_at(self.blocks.len() as u64) {
            let (kind, message) = refusal("INVALID_NONCE");
            return A::NonceConflict { kind, message };
        }
        if self.try_later > 0 {
            self.try_later -= 1;
            let (kind, message) = refusal("INVALID_REFERENCE_BLOCK_HEIGHT");
            return A::TryLater { kind, message };
        }
        if self.refused_salts.contains(&tx.salt) {
            let (kind, message) = refusal("INVALID_TX_FEE");
            return A::Refused { kind, message };
        }
        self.mempool.insert(hash, tx);
        A::Accepted
    }
}

//! Whether a submitted transaction may wait for a block.

use std::sync::Arc;

use raftpool_chain::Hash;

use super::{Chain, mempool::Waiting};
use crate::{fees, transaction::Transaction};

/// Why a transaction is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionRefusal {
    /// It is executed.
    #[error("TX {0} is already in blockchain")]
    AlreadyInBlockchain(Hash),
    /// It waits already.
    #[error("Tx {0} already in mempool")]
    AlreadyInMempool(Hash),
    /// Another one of the same account and nonce waits.
    #[error("Tx nonce {0} already used")]
    NonceAlreadyUsed(u64),
    /// Others of the account wait, and this nonce neither is among theirs nor follows them.
    #[error("Invalid nonce: {nonce} is not in range [{minimum}-{maximum}]")]
    NonceOutsideMempool {
        /// The transaction's.
        nonce: u64,
        /// Smallest that waits.
        minimum: u64,
        /// Largest that waits.
        maximum: u64,
    },
    /// The nonce is not the account's next one.
    #[error("Invalid TX {hash} nonce, got {actual} expected {expected}")]
    InvalidNonce {
        /// The transaction.
        hash: Hash,
        /// Its nonce.
        actual: u64,
        /// The account's next nonce.
        expected: u64,
    },
    /// The bytes were changed after signing.
    #[error("Invalid signature")]
    InvalidSignature,
    /// The fee is too small.
    #[error("Invalid Tx fee, expected at least {}, got {}", coins(*.expected_atomic), coins(*.actual_atomic))]
    InvalidFee {
        /// Smallest fee.
        expected_atomic: u64,
        /// The transaction's.
        actual_atomic: u64,
    },
    /// The sender mined a block between the stable height and the reference.
    #[error(
        "transaction has an invalid reference: block height {height} is higher than stable height {stable_height}"
    )]
    InvalidReferenceHeight {
        /// Height of the reference block.
        height: u64,
        /// The stable height.
        stable_height: u64,
    },
    /// The reference lies above the chain.
    #[error("Invalid reference topoheight {0}, it is higher than the current topoheight {1}")]
    InvalidReferenceTopoheight(u64, u64),
    /// Payments to the sender itself, or none at all.
    #[error("Invalid transaction format")]
    InvalidFormat,
    /// The sender has less than the transaction spends.
    #[error("Error while verifying proof: not enough funds")]
    InvalidProof,
}

impl TransactionRefusal {
    /// The error kind of the daemon's answer.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AlreadyInBlockchain(_) => "TX_ALREADY_IN_BLOCKCHAIN",
            Self::AlreadyInMempool(_) => "TX_ALREADY_IN_MEMPOOL",
            Self::NonceAlreadyUsed(_) => "TX_NONCE_ALREADY_USED",
            Self::NonceOutsideMempool { .. } => "INVALID_TX_NONCE_MEMPOOL_CACHE",
            Self::InvalidNonce { .. } => "INVALID_NONCE",
            Self::InvalidSignature => "INVALID_SIGNATURE",
            Self::InvalidFee { .. } => "INVALID_TX_FEE",
            Self::InvalidReferenceHeight { .. } => "INVALID_REFERENCE_BLOCK_HEIGHT",
            Self::InvalidReferenceTopoheight(..) => "INVALID_REFERENCE_TOPOHEIGHT",
            Self::InvalidFormat => "INVALID_FORMAT",
            Self::InvalidProof => "TX_PROOF_VERIFICATION_ERROR",
        }
    }
}

impl Chain {
    /// Lets a transaction wait for a block.
    ///
    /// # Errors
    /// The first rule that it breaks, in the order in which the official daemon looks.
    pub fn submit_transaction(
        &mut self,
        transaction: Transaction,
    ) -> Result<Hash, TransactionRefusal> {
        self.check_nonce(&transaction)?;
        self.check_transaction(&transaction)?;
        let hash = transaction.hash;
        self.add_waiting(Arc::new(transaction));
        Ok(hash)
    }

    /// Lets a transaction wait without any check.
    pub(super) fn add_waiting(&mut self, transaction: Arc<Transaction>) {
        let first_seen_s = self.now_ms() / 1_000;
        self.transactions
            .insert(transaction.hash, Arc::clone(&transaction));
        self.mempool.add(Waiting {
            transaction: Arc::clone(&transaction),
            first_seen_s,
        });
        self.tell_added_to_mempool(&transaction, first_seen_s);
        self.tell_new_template();
    }

    /// Forgets every waiting transaction, as a restart of the daemon does.
    pub fn drop_mempool(&mut self) -> usize {
        let count = self.mempool.len();
        for waiting in self.mempool.iter() {
            let hash = waiting.transaction.hash;
            if !self.blocks_of_transaction.contains_key(&hash) {
                self.transactions.remove(&hash);
            }
        }
        self.mempool.clear();
        self.tell_new_template();
        count
    }

    fn check_nonce(&self, transaction: &Transaction) -> Result<(), TransactionRefusal> {
        let (hash, draft) = (transaction.hash, &transaction.draft);
        if self.executed_in.contains_key(&hash) {
            return Err(TransactionRefusal::AlreadyInBlockchain(hash));
        }
        if self.mempool.get(&hash).is_some() {
            return Err(TransactionRefusal::AlreadyInMempool(hash));
        }
        let Some(waiting) = self.mempool.of_account(&draft.source) else {
            let expected = self.accounts.next_nonce(&draft.source);
            return if draft.nonce == expected {
                Ok(())
            } else {
                Err(TransactionRefusal::InvalidNonce {
                    hash,
                    actual: draft.nonce,
                    expected,
                })
            };
        };
        if waiting.contains_key(&draft.nonce) {
            return Err(TransactionRefusal::NonceAlreadyUsed(draft.nonce));
        }
        let minimum = waiting.keys().next().copied().unwrap_or(0);
        let maximum = waiting.keys().next_back().copied().unwrap_or(0);
        if draft.nonce < minimum || draft.nonce > maximum + 1 {
            return Err(TransactionRefusal::NonceOutsideMempool {
                nonce: draft.nonce,
                minimum,
                maximum,
            });
        }
        Ok(())
    }

    fn check_transaction(&self, transaction: &Transaction) -> Result<(), TransactionRefusal> {
        let draft = &transaction.draft;
        let pays_itself = draft
            .payments
            .iter()
            .any(|payment| payment.destination == draft.source);
        if draft.payments.is_empty() || pays_itself {
            return Err(TransactionRefusal::InvalidFormat);
        }
        self.check_reference(transaction)?;
        let expected_atomic = self.minimum_fee_atomic(transaction);
        if draft.fee_atomic < expected_atomic {
            let actual_atomic = draft.fee_atomic;
            return Err(TransactionRefusal::InvalidFee {
                expected_atomic,
                actual_atomic,
            });
        }
        if !transaction.signature_is_valid() {
            return Err(TransactionRefusal::InvalidSignature);
        }
        let waiting_atomic = self.mempool.spent_by_atomic(&draft.source);
        let available_atomic = self
            .accounts
            .balance_atomic(&draft.source)
            .saturating_sub(waiting_atomic);
        if available_atomic < draft.spent_atomic() {
            return Err(TransactionRefusal::InvalidProof);
        }
        Ok(())
    }

    /// A reference above the stable height is bad when its sender mined in between.
    fn check_reference(&self, transaction: &Transaction) -> Result<(), TransactionRefusal> {
        let reference = transaction.draft.reference_topoheight;
        let Some(placed) = self.placed(reference) else {
            return Err(TransactionRefusal::InvalidReferenceTopoheight(
                reference,
                self.topoheight(),
            ));
        };
        let (height, stable_height) = (self.height_of(&placed.hash), self.stable_height());
        let has_mined = |topoheight: u64| {
            self.placed(topoheight)
                .and_then(|placed| self.block(&placed.hash))
                .is_some_and(|block| block.header.miner_key == transaction.draft.source)
        };
        if height > stable_height && (self.stable_topoheight + 1..=reference).any(has_mined) {
            return Err(TransactionRefusal::InvalidReferenceHeight {
                height,
                stable_height,
            });
        }
        Ok(())
    }

    fn minimum_fee_atomic(&self, transaction: &Transaction) -> u64 {
        let payments = &transaction.draft.payments;
        let mut new_accounts: Vec<[u8; 32]> = payments
            .iter()
            .map(|payment| payment.destination)
            .filter(|key| !self.accounts.is_registered_at(key, self.topoheight()))
            .collect();
        new_accounts.sort_unstable();
        new_accounts.dedup();
        fees::minimum_fee_atomic(transaction.bytes.len(), payments.len(), new_accounts.len())
    }
}

/// An amount as the daemon writes it in texts.
fn coins(amount_atomic: u64) -> String {
    format!(
        "{}.{:08}",
        amount_atomic / 100_000_000,
        amount_atomic % 100_000_000
    )
}

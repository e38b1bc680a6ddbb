//! The 32 bytes that make every connection's work different from all other work of the pool.
//!
//! Never handed out twice: the node's id, the process's epoch and the connection's number are in
//! it. That also means that a share can only be sent twice over one and the same connection, so
//! duplicates are found without asking the cluster.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | MAC over the rest, under a key of this process |
//! | 8..12 | node id |
//! | 12..20 | epoch |
//! | 20..28 | number, counted over all connections |
//! | 28..32 | zero: free for the miner |
//!
//! A stratum connection has one; a getwork connection has another one with every job.
//!
//! The MAC comes first because at least one GPU miner derives its starting nonce from the first
//! eight bytes. In getwork, where miners return the extra nonce, it tells own numbers from made-up
//! ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::StratumError;

/// Length of an extra nonce.
pub(crate) const EXTRA_NONCE_SIZE: usize = 32;

/// Bytes at the beginning that a miner must leave as they are.
pub(crate) const FIXED_SIZE: usize = 28;

const MAC_SIZE: usize = 8;

/// The number an extra nonce says it has; whether it tells the truth is another question.
pub(crate) fn number_in(extra_nonce: &[u8; EXTRA_NONCE_SIZE]) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&extra_nonce[20..FIXED_SIZE]);
    u64::from_be_bytes(number)
}

/// Makes the extra nonces of one process; clones draw from the same numbers.
#[derive(Clone)]
pub(crate) struct ExtraNonces {
    key: [u8; 32],
    node_id: u32,
    epoch: u64,
    next: Arc<AtomicU64>,
}

impl ExtraNonces {
    pub(crate) fn new(key: [u8; 32], node_id: u64, epoch: u64) -> Result<Self, StratumError> {
        let node_id = u32::try_from(node_id).map_err(|_| StratumError::NodeIdTooLarge(node_id))?;
        Ok(Self {
            key,
            node_id,
            epoch,
            next: Arc::new(AtomicU64::new(1)),
        })
    }

    /// A number nobody else of this process has.
    pub(crate) fn draw(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The extra nonce with this number.
    pub(crate) fn numbered(&self, number: u64) -> [u8; EXTRA_NONCE_SIZE] {
        let mut bytes = [0; EXTRA_NONCE_SIZE];
        bytes[8..12].copy_from_slice(&self.node_id.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[20..28].copy_from_slice(&number.to_be_bytes());
        let mac = blake3::keyed_hash(&self.key, &bytes[MAC_SIZE..FIXED_SIZE]);
        bytes[..MAC_SIZE].copy_from_slice(&mac.as_bytes()[..MAC_SIZE]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn differ_by_node_epoch_and_connection_also_in_the_first_eight_bytes() {
        let mut whole = HashSet::new();
        let mut heads = HashSet::new();
        for (node, epoch) in [(1, 1), (1, 2), (2, 1)] {
            let nonces = ExtraNonces::new([7; 32], node, epoch).unwrap();
            for number in 0..100 {
                let bytes = nonces.numbered(number);
                assert_eq!(bytes[28..], [0; 4], "the last four bytes are the miner's");
                assert_eq!(number_in(&bytes), number);
                whole.insert(bytes);
                heads.insert(bytes[..8].to_vec());
            }
        }
        assert_eq!(whole.len(), 300);
        assert_eq!(heads.len(), 300);
    }

    #[test]
    fn a_node_id_that_does_not_fit_is_refused() {
        assert!(ExtraNonces::new([0; 32], 1 << 32, 1).is_err());
    }
}

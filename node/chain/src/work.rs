//! The 112 bytes that miners hash.

use raftpool_pow::WORK_SIZE;

use crate::hash::Hash;

/// The 112 bytes that are hashed (the chain's `MinerWork`). All numbers are big-endian on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinerWork {
    /// Stands for version, height, tips and transactions of the header.
    pub work_hash: [u8; 32],
    /// Milliseconds since the Unix epoch. Daemons refuse more than 2000 ms ahead of their clock,
    /// and less than any parent block.
    pub timestamp_ms: u64,
    /// The miner's counter.
    pub nonce: u64,
    /// Free bytes that make the works of two connections differ.
    pub extra_nonce: [u8; 32],
    /// Whom the block pays: a compressed Ristretto public key.
    pub miner_key: [u8; 32],
}

impl MinerWork {
    /// The wire form.
    pub fn to_bytes(&self) -> [u8; WORK_SIZE] {
        let mut bytes = [0; WORK_SIZE];
        bytes[..32].copy_from_slice(&self.work_hash);
        bytes[32..40].copy_from_slice(&self.timestamp_ms.to_be_bytes());
        bytes[40..48].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[48..80].copy_from_slice(&self.extra_nonce);
        bytes[80..].copy_from_slice(&self.miner_key);
        bytes
    }

    /// Reads the wire form; every 112 bytes are a work.
    pub fn from_bytes(bytes: &[u8; WORK_SIZE]) -> Self {
        Self {
            work_hash: array(bytes, 0),
            timestamp_ms: u64::from_be_bytes(array(bytes, 32)),
            nonce: u64::from_be_bytes(array(bytes, 40)),
            extra_nonce: array(bytes, 48),
            miner_key: array(bytes, 80),
        }
    }

    /// The block's identity on the chain: BLAKE3 of the 112 bytes. This is not the proof-of-work hash.
    pub fn block_hash(&self) -> Hash {
        Hash::of(&self.to_bytes())
    }
}

fn array<const N: usize>(bytes: &[u8; WORK_SIZE], offset: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[offset..offset + N]);
    field
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_round_trip(bytes in proptest::collection::vec(any::<u8>(), WORK_SIZE)) {
            let bytes: [u8; WORK_SIZE] = bytes.try_into().expect("the strategy makes 112 bytes");
            prop_assert_eq!(MinerWork::from_bytes(&bytes).to_bytes(), bytes);
        }
    }
}

//! Block headers as block templates carry them.

use crate::{hash::Hash, work::MinerWork};

/// Most parents a block may have.
pub const TIPS_MAX: usize = 3;
/// Bytes of a header without parents and transactions.
pub const HEADER_SIZE_MIN: usize = 92;

/// A block header as the daemon's templates carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// Version of the block rules.
    pub version: u8,
    /// Greatest height among the parents, plus one.
    pub height: u64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The miner's counter; may exceed 2^53.
    pub nonce: u64,
    /// Free bytes that make the works of two connections differ.
    pub extra_nonce: [u8; 32],
    /// Hashes of the parents, in the order the daemon demands; at most [`TIPS_MAX`], none twice.
    pub tips: Vec<Hash>,
    /// Hashes of the transactions.
    pub transactions: Vec<Hash>,
    /// Whom the block pays: a compressed Ristretto public key.
    pub miner_key: [u8; 32],
}

impl BlockHeader {
    /// Reads a header. Never panics, whatever the bytes.
    ///
    /// # Errors
    ///
    /// Refuses truncated input, trailing bytes, more than [`TIPS_MAX`] parents and repeated parents.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader { bytes, offset: 0 };
        let version = u8::from_be_bytes(reader.take("version")?);
        let height = u64::from_be_bytes(reader.take("height")?);
        let timestamp_ms = u64::from_be_bytes(reader.take("timestamp")?);
        let nonce = u64::from_be_bytes(reader.take("nonce")?);
        let extra_nonce = reader.take("extra nonce")?;
        let tips_count = usize::from(u8::from_be_bytes(reader.take("number of tips")?));
        if tips_count > TIPS_MAX {
            return Err(CodecError::TooManyTips {
                count: tips_count,
                max: TIPS_MAX,
            });
        }
        let tips = reader.hashes("tips", tips_count)?;
        if let Some(tip) = first_repeated(&tips) {
            return Err(CodecError::RepeatedTip { tip });
        }
        let transactions_count =
            usize::from(u16::from_be_bytes(reader.take("number of transactions")?));
        let transactions = reader.hashes("transactions", transactions_count)?;
        let miner_key = reader.take("miner key")?;
        let extra_bytes = bytes.len() - reader.offset;
        if extra_bytes > 0 {
            return Err(CodecError::TrailingBytes { bytes: extra_bytes });
        }
        Ok(Self {
            version,
            height,
            timestamp_ms,
            nonce,
            extra_nonce,
            tips,
            transactions,
            miner_key,
        })
    }

    /// The wire form.
    ///
    /// # Panics
    ///
    /// Panics on more than 255 tips or 65,535 transactions, which no decoded header has and which the wire cannot express.
    pub fn encode(&self) -> Vec<u8> {
        let hashes = self.tips.len() + self.transactions.len();
        let mut bytes = Vec::with_capacity(HEADER_SIZE_MIN + 32 * hashes);
        bytes.push(self.version);
        bytes.extend_from_slice(&self.height.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        bytes.extend_from_slice(&self.nonce.to_be_bytes());
        bytes.extend_from_slice(&self.extra_nonce);
        bytes.push(u8::try_from(self.tips.len()).expect("a header has at most three tips"));
        extend_hashes(&mut bytes, &self.tips);
        let transactions_count = u16::try_from(self.transactions.len())
            .expect("a header has at most 65,535 transactions");
        bytes.extend_from_slice(&transactions_count.to_be_bytes());
        extend_hashes(&mut bytes, &self.transactions);
        bytes.extend_from_slice(&self.miner_key);
        bytes
    }

    /// Identity of what a miner cannot change: version, height, tips and transactions.
    ///
    /// Timestamp, nonce, extra nonce and key are not covered, so one template serves every miner.
    pub fn work_hash(&self) -> Hash {
        let mut bytes = Vec::with_capacity(73);
        bytes.push(self.version);
        bytes.extend_from_slice(&self.height.to_be_bytes());
        bytes.extend_from_slice(&hash_of_hashes(&self.tips).0);
        bytes.extend_from_slice(&hash_of_hashes(&self.transactions).0);
        Hash::of(&bytes)
    }

    /// The block's identity on the chain.
    pub fn block_hash(&self) -> Hash {
        self.miner_work().block_hash()
    }

    /// This header with timestamp, nonce, extra nonce and key of the work.
    ///
    /// The work hash is not compared: the caller picks the header by it.
    pub fn with_work(&self, work: &MinerWork) -> Self {
        Self {
            timestamp_ms: work.timestamp_ms,
            nonce: work.nonce,
            extra_nonce: work.extra_nonce,
            miner_key: work.miner_key,
            ..self.clone()
        }
    }

    /// The 112 bytes of this header that are hashed.
    pub fn miner_work(&self) -> MinerWork {
        MinerWork {
            work_hash: self.work_hash().0,
            timestamp_ms: self.timestamp_ms,
            nonce: self.nonce,
            extra_nonce: self.extra_nonce,
            miner_key: self.miner_key,
        }
    }
}

fn first_repeated(tips: &[Hash]) -> Option<Hash> {
    tips.iter()
        .enumerate()
        .find(|(index, tip)| tips[..*index].contains(tip))
        .map(|(_, tip)| *tip)
}

fn extend_hashes(bytes: &mut Vec<u8>, hashes: &[Hash]) {
    for hash in hashes {
        bytes.extend_from_slice(&hash.0);
    }
}

fn hash_of_hashes(hashes: &[Hash]) -> Hash {
    let mut bytes = Vec::with_capacity(32 * hashes.len());
    extend_hashes(&mut bytes, hashes);
    Hash::of(&bytes)
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], CodecError> {
        let mut taken = [0; N];
        let rest = &self.bytes[self.offset..];
        let source = rest.get(..N).ok_or(CodecError::Truncated {
            field,
            bytes: self.bytes.len(),
        })?;
        taken.copy_from_slice(source);
        self.offset += N;
        Ok(taken)
    }

    fn hashes(&mut self, field: &'static str, count: usize) -> Result<Vec<Hash>, CodecError> {
        (0..count).map(|_| self.take(field).map(Hash)).collect()
    }
}

/// Why bytes or a text are no header or hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The input ends within a field.
    #[error("the header ends after {bytes} bytes, within the field `{field}`")]
    Truncated {
        /// The field that is incomplete.
        field: &'static str,
        /// Length of the input.
        bytes: usize,
    },
    /// The input goes on after the header.
    #[error("{bytes} unexpected bytes follow the header")]
    TrailingBytes {
        /// Number of the bytes left over.
        bytes: usize,
    },
    /// More parents than a block may have.
    #[error("the header has {count} tips, more than {max}")]
    TooManyTips {
        /// Number of tips announced.
        count: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// The same parent twice.
    #[error("the header lists the tip {tip} twice")]
    RepeatedTip {
        /// The repeated parent.
        tip: Hash,
    },
    /// Not 64 hex digits.
    #[error("a hash has 64 hex digits; this text of {chars} characters is none")]
    InvalidHash {
        /// Length of the text in characters.
        chars: usize,
    },
}

#[cfg(test)]
mod tests;

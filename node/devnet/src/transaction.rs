//! Transactions of the simulation.
//!
//! The bytes have the layout and the length of the real ones, but nothing in them is cryptography:
//! an amount stands openly inside its commitment, proofs are random bytes, and the signature is a
//! checksum that anybody could make. Random proofs are what matters: every build has a new hash.

use raftpool_chain::{Address, Hash, Network};
use rand::RngCore;
use serde_json::{Value, json};

use crate::fees::{TRANSFER_BYTES, range_proof_bytes};

/// The native asset, as text.
pub const NATIVE_ASSET: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Most transfers one transaction may have.
pub const MAX_TRANSFERS: usize = 255;

const VERSION: u8 = 3;
const TYPE_TRANSFERS: u8 = 1;
const COMMITMENT_MARK: [u8; 8] = *b"devnet01";
const SIGNATURE_CONTEXT: &str = "raftpool devnet 2026 transaction signature";
const HEAD_BYTES: usize = 35;
const SOURCE_COMMITMENT_BYTES: usize = 256;
const SIGNATURE_BYTES: usize = 64;

/// One payment inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// Public key of the receiver.
    pub destination: [u8; 32],
    /// Amount in atomic units.
    pub amount_atomic: u64,
}

/// What a transaction says, before it has bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Public key of the sender.
    pub source: [u8; 32],
    /// Payments in order.
    pub payments: Vec<Payment>,
    /// Fee in atomic units.
    pub fee_atomic: u64,
    /// Most the sender is willing to pay, in atomic units.
    pub fee_limit_atomic: u64,
    /// The account nonce it uses up.
    pub nonce: u64,
    /// Block the sender's balance was taken from.
    pub reference_hash: Hash,
    /// Topoheight of that block.
    pub reference_topoheight: u64,
}

/// A complete transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// blake3 of the bytes.
    pub hash: Hash,
    /// What it says.
    pub draft: Draft,
    /// As sent.
    pub bytes: Vec<u8>,
}

/// The bytes are no transaction of this simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too short, too long, or a count that does not fit.
    #[error("Invalid size")]
    Size,
    /// A field has a value that does not exist.
    #[error("Invalid value")]
    Value,
}

impl Draft {
    /// Everything the sender spends: payments and fee.
    #[must_use]
    pub fn spent_atomic(&self) -> u64 {
        self.payments.iter().fold(self.fee_atomic, |sum, payment| {
            sum.saturating_add(payment.amount_atomic)
        })
    }
}

impl Transaction {
    /// Writes and "signs" a draft with fresh random proofs.
    pub fn build(draft: Draft, random: &mut dyn RngCore) -> Self {
        let mut bytes = Vec::with_capacity(crate::fees::transaction_bytes(draft.payments.len()));
        bytes.push(VERSION);
        bytes.extend_from_slice(&draft.source);
        bytes.push(TYPE_TRANSFERS);
        bytes.push(draft.payments.len() as u8);
        for payment in &draft.payments {
            bytes.extend_from_slice(&[0; 32]);
            bytes.extend_from_slice(&payment.destination);
            bytes.push(0);
            bytes.extend_from_slice(&COMMITMENT_MARK);
            bytes.extend_from_slice(&payment.amount_atomic.to_be_bytes());
            push_random(&mut bytes, 16 + 64 + 160, random);
        }
        for number in [draft.fee_atomic, draft.fee_limit_atomic, draft.nonce] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.push(1);
        push_random(&mut bytes, SOURCE_COMMITMENT_BYTES - 32, random);
        bytes.extend_from_slice(&[0; 32]);
        let range_proof = range_proof_bytes(draft.payments.len());
        bytes.extend_from_slice(&(range_proof as u16).to_be_bytes());
        push_random(&mut bytes, range_proof, random);
        bytes.extend_from_slice(&draft.reference_hash.0);
        bytes.extend_from_slice(&draft.reference_topoheight.to_be_bytes());
        bytes.push(0);
        push_random(&mut bytes, SIGNATURE_BYTES / 2, random);
        let checksum = signature_checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Self {
            hash: Hash(*blake3::hash(&bytes).as_bytes()),
            draft,
            bytes,
        }
    }

    /// Reads a transaction; says nothing about its signature.
    ///
    /// # Errors
    /// When the bytes are not exactly one transaction.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes };
        if reader.u8()? != VERSION {
            return Err(DecodeError::Value);
        }
        let source = reader.array()?;
        if reader.u8()? != TYPE_TRANSFERS {
            return Err(DecodeError::Value);
        }
        let count = reader.u8()?;
        let mut payments = Vec::with_capacity(count.into());
        for _ in 0..count {
            payments.push(decode_payment(reader.take(TRANSFER_BYTES)?)?);
        }
        let (fee_atomic, fee_limit_atomic, nonce) = (reader.u64()?, reader.u64()?, reader.u64()?);
        reader.take(1 + SOURCE_COMMITMENT_BYTES)?;
        let range_proof = u16::from_be_bytes(reader.array()?);
        reader.take(range_proof.into())?;
        let reference_hash = Hash(reader.array()?);
        let reference_topoheight = reader.u64()?;
        reader.take(1 + SIGNATURE_BYTES)?;
        if !reader.bytes.is_empty() {
            return Err(DecodeError::Size);
        }
        let draft = Draft {
            source,
            payments,
            fee_atomic,
            fee_limit_atomic,
            nonce,
            reference_hash,
            reference_topoheight,
        };
        Ok(Self {
            hash: Hash(*blake3::hash(bytes).as_bytes()),
            draft,
            bytes: bytes.to_vec(),
        })
    }

    /// Whether no byte was changed since the transaction was built.
    #[must_use]
    pub fn signature_is_valid(&self) -> bool {
        let (signed, checksum) = self.bytes.split_at(self.bytes.len() - SIGNATURE_BYTES / 2);
        signature_checksum(signed) == checksum
    }

    /// The fields every transaction answer of daemon and wallet has.
    #[must_use]
    pub fn to_json(&self, network: Network) -> Value {
        let transfers: Vec<Value> = self
            .draft
            .payments
            .iter()
            .enumerate()
            .map(|(index, payment)| self.transfer_json(index, payment, network))
            .collect();
        let after_transfers = HEAD_BYTES + TRANSFER_BYTES * self.draft.payments.len() + 24;
        let commitment = &self.bytes[after_transfers + 1..];
        let range_proof = &commitment[SOURCE_COMMITMENT_BYTES + 2..];
        json!({
            "data": { "transfers": transfers },
            "fee": self.draft.fee_atomic,
            "fee_limit": self.draft.fee_limit_atomic,
            "hash": self.hash.to_string(),
            "multisig": null,
            "nonce": self.draft.nonce,
            "range_proof": range_proof[..range_proof_bytes(self.draft.payments.len())],
            "reference": {
                "hash": self.draft.reference_hash.to_string(),
                "topoheight": self.draft.reference_topoheight,
            },
            "signature": hex::encode(&self.bytes[self.bytes.len() - SIGNATURE_BYTES..]),
            "size": self.bytes.len(),
            "source": address_text(&self.draft.source, network),
            "source_commitments": [{
                "asset": NATIVE_ASSET,
                "commitment": commitment[..32],
                "proof": {
                    "Y_0": commitment[32..64], "Y_1": commitment[64..96], "Y_2": commitment[96..128],
                    "z_r": commitment[128..160], "z_s": commitment[160..192], "z_x": commitment[192..224],
                },
            }],
            "version": VERSION,
        })
    }

    fn transfer_json(&self, index: usize, payment: &Payment, network: Network) -> Value {
        let start = HEAD_BYTES + TRANSFER_BYTES * index + 65;
        let proof = &self.bytes[start..start + 256];
        json!({
            "asset": NATIVE_ASSET,
            "commitment": proof[..32],
            "ct_validity_proof": {
                "Y_0": proof[96..128], "Y_1": proof[128..160], "Y_2": proof[160..192],
                "z_r": proof[192..224], "z_x": proof[224..256],
            },
            "destination": address_text(&payment.destination, network),
            "extra_data": null,
            "receiver_handle": proof[32..64],
            "sender_handle": proof[64..96],
        })
    }
}

/// Address of a key, or the key in hex where it is no point of the curve.
#[must_use]
pub fn address_text(key: &[u8; 32], network: Network) -> String {
    Address::from_key(*key, network)
        .map_or_else(|_| hex::encode(key), |address| address.as_str().to_owned())
}

fn decode_payment(bytes: &[u8]) -> Result<Payment, DecodeError> {
    let mut reader = Reader { bytes };
    if reader.array::<32>()? != [0; 32] {
        return Err(DecodeError::Value);
    }
    let destination = reader.array()?;
    if reader.u8()? != 0 || reader.array()? != COMMITMENT_MARK {
        return Err(DecodeError::Value);
    }
    Ok(Payment {
        destination,
        amount_atomic: reader.u64()?,
    })
}

fn push_random(bytes: &mut Vec<u8>, count: usize, random: &mut dyn RngCore) {
    let start = bytes.len();
    bytes.resize(start + count, 0);
    random.fill_bytes(&mut bytes[start..]);
}

fn signature_checksum(signed: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(SIGNATURE_CONTEXT);
    hasher.update(signed);
    *hasher.finalize().as_bytes()
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self
            .bytes
            .split_at_checked(count)
            .ok_or(DecodeError::Size)?;
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Size)
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn draft(payments: usize) -> Draft {
        let payment = Payment {
            destination: [7; 32],
            amount_atomic: 123,
        };
        Draft {
            source: [9; 32],
            payments: vec![payment; payments],
            fee_atomic: 25_000,
            fee_limit_atomic: 30_000,
            nonce: 4,
            reference_hash: Hash([3; 32]),
            reference_topoheight: 20,
        }
    }

    #[test]
    fn transaction_round_trips_and_has_the_real_size() {
        let mut random = StdRng::seed_from_u64(1);
        for (payments, size) in [(1, 1_480), (2, 1_865), (255, 83_462)] {
            let built = Transaction::build(draft(payments), &mut random);
            assert_eq!(built.bytes.len(), size);
            assert_eq!(Transaction::decode(&built.bytes), Ok(built.clone()));
            assert!(built.signature_is_valid());
        }
    }

    #[test]
    fn transaction_built_twice_has_two_hashes() {
        let mut random = StdRng::seed_from_u64(1);
        let first = Transaction::build(draft(1), &mut random);
        let second = Transaction::build(draft(1), &mut random);
        assert_ne!(first.hash, second.hash);
    }

    #[test]
    fn transaction_with_a_flipped_bit_is_noticed() {
        let mut random = StdRng::seed_from_u64(1);
        let mut bytes = Transaction::build(draft(1), &mut random).bytes;
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(!Transaction::decode(&bytes).unwrap().signature_is_valid());
        assert_eq!(Transaction::decode(&bytes[..last]), Err(DecodeError::Size));
        assert_eq!(Transaction::decode(&[0]), Err(DecodeError::Value));
        assert_eq!(Transaction::decode(&[]), Err(DecodeError::Size));
    }
}

//! One share: what is allowed in it, and what it is worth.
//!
//! A share's score is its difficulty over the network's difficulty when it was submitted, that
//! is, the part of one block's expected work. It is counted in units of 2^-64 and rounded down.

use crate::Rejection;
use crate::command::{Scheme, Share};
use crate::schemes::EXPECTED_INCOME_MAX_ATOMIC;
use crate::settings::{ADDRESS_BYTES_MAX, WORKER_BYTES_MAX, invalid};

/// The score of the expected work of one block.
pub const SCORE_OF_A_BLOCK: u128 = 1 << 64;

/// Most blocks' worth of work in one share: far above any real one, and far below where the sum
/// of a largest batch could leave its type.
const BLOCKS_PER_SHARE_MAX: u128 = 1 << 32;

/// A share that keeps the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) miner: &'a str,
    pub(crate) worker: &'a str,
    /// What the share names; "unspecified" when it names none.
    pub(crate) scheme: Scheme,
    /// What counts instead of the pool's default; "unspecified" when that counts.
    pub(crate) listener_scheme: Scheme,
    pub(crate) difficulty: u64,
    pub(crate) network_difficulty: u128,
    pub(crate) score: u128,
    /// What a block was expected to pay its miner besides fees; 0 when the share does not say.
    pub(crate) expected_reward_atomic: u64,
}

pub(crate) fn check(share: &Share) -> Result<Work<'_>, Rejection> {
    check_names(&share.miner, &share.worker)?;
    let named = |field, scheme| Scheme::try_from(scheme).map_err(|_| invalid(field, "is unknown"));
    let scheme = named("scheme", share.scheme)?;
    let listener_scheme = named("listener_scheme", share.listener_scheme)?;
    if share.difficulty == 0 {
        return Err(invalid("difficulty", "must be above 0"));
    }
    let network_difficulty = network_difficulty(&share.network_difficulty)?;
    let score = score(share.difficulty, network_difficulty);
    if score > BLOCKS_PER_SHARE_MAX * SCORE_OF_A_BLOCK {
        return Err(invalid(
            "difficulty",
            "must be at most 2^32 times the network's",
        ));
    }
    if share.expected_reward_atomic > EXPECTED_INCOME_MAX_ATOMIC {
        let problem = "must be at most 2^40, which is far more than a block can pay";
        return Err(invalid("expected_reward_atomic", problem));
    }
    Ok(Work {
        miner: &share.miner,
        worker: &share.worker,
        scheme,
        listener_scheme,
        difficulty: share.difficulty,
        network_difficulty,
        score,
        expected_reward_atomic: share.expected_reward_atomic,
    })
}

pub(crate) fn check_names(miner: &str, worker: &str) -> Result<(), Rejection> {
    if miner.is_empty() {
        return Err(invalid("miner", "must not be empty"));
    }
    if miner.len() > ADDRESS_BYTES_MAX {
        return Err(invalid("miner", "must be at most 128 bytes long"));
    }
    if worker.len() > WORKER_BYTES_MAX {
        return Err(invalid("worker", "must be at most 128 bytes long"));
    }
    Ok(())
}

/// `floor(difficulty * 2^64 / network_difficulty)`; the network's difficulty is not 0.
pub(crate) fn score(difficulty: u64, network_difficulty: u128) -> u128 {
    u128::from(difficulty) * SCORE_OF_A_BLOCK / network_difficulty
}

fn network_difficulty(bytes: &[u8]) -> Result<u128, Rejection> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros..];
    if digits.len() > size_of::<u128>() {
        return Err(invalid("network_difficulty", "must be below 2^128"));
    }
    match digits
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
    {
        0 => Err(invalid("network_difficulty", "must be above 0")),
        difficulty => Ok(difficulty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_is_rounded_down_to_units_of_a_block() {
        assert_eq!(score(1, 1), SCORE_OF_A_BLOCK);
        assert_eq!(score(1, 3), SCORE_OF_A_BLOCK / 3);
        assert_eq!(score(1, u128::MAX), 0);
        assert_eq!(score(u64::MAX, 1), u128::from(u64::MAX) << 64);
    }

    #[test]
    fn network_difficulty_takes_up_to_128_bits() {
        assert_eq!(network_difficulty(&[1, 0]).unwrap(), 256);
        assert_eq!(network_difficulty(&[0; 40]).unwrap_err(), zero());
        assert_eq!(network_difficulty(&[]).unwrap_err(), zero());
        assert_eq!(network_difficulty(&[0xff; 16]).unwrap(), u128::MAX);
        assert!(
            network_difficulty(&[0xff; 17])
                .unwrap_err()
                .to_string()
                .contains("2^128")
        );
    }

    fn zero() -> Rejection {
        invalid("network_difficulty", "must be above 0")
    }
}

//! The most a block can create for its miner, by the chain's own formula.
//!
//! A block creates `((supply that will ever exist - supply so far) >> 20) * block time / 180 s`, of
//! which the developers get 5 % at least. It is most while nothing exists yet, so what lies above
//! that is no reward of any block, whoever says so.

/// Atomic units that will ever exist.
const MAXIMUM_SUPPLY_ATOMIC: u64 = 18_400_000 * 100_000_000;
const EMISSION_SPEED_FACTOR: u32 = 20;
const MILLISECONDS_PER_EMISSION_STEP: u64 = 180_000;
/// The developers' smallest share.
const DEV_FEE_PERCENT_MIN: u64 = 5;
/// Block times that have ever been aimed at; simulations of other paces keep the emission.
const BLOCK_TIME_MS_MIN: u64 = 5_000;
const BLOCK_TIME_MS_MAX: u64 = 15_000;

/// Most atomic units that any block creates for its miner, fees not included, where blocks are
/// aimed at every `block_time_ms` milliseconds.
pub fn miner_reward_max_atomic(block_time_ms: u64) -> u64 {
    let block_time_ms = block_time_ms.clamp(BLOCK_TIME_MS_MIN, BLOCK_TIME_MS_MAX);
    let left = MAXIMUM_SUPPLY_ATOMIC >> EMISSION_SPEED_FACTOR;
    let created = left * block_time_ms / MILLISECONDS_PER_EMISSION_STEP;
    created - created * DEV_FEE_PERCENT_MIN / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_recorded_block_pays_more_than_the_bound_and_the_bound_is_not_far() {
        // The first block of the recorded chain, of which the developers got 10 %.
        let (created, miner) = (48_743_353_u64, 43_869_018);
        let bound = miner_reward_max_atomic(5_000);
        assert_eq!(bound, created - created * 5 / 100);
        assert!(miner < bound && bound < created);
        assert_eq!(miner_reward_max_atomic(1), bound);
        assert_eq!(
            miner_reward_max_atomic(u64::MAX),
            miner_reward_max_atomic(15_000)
        );
    }
}

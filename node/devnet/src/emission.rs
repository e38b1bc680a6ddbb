//! How many coins a block creates, and who gets them.

/// Atomic units that will ever exist (18.4 million coins of 10^8 units).
pub const MAXIMUM_SUPPLY_ATOMIC: u64 = 1_840_000_000_000_000;

/// Block time the emission is computed for, whatever pace the simulation really has.
const EMISSION_BLOCK_TIME_MS: u64 = 5_000;
const EMISSION_SPEED_FACTOR: u32 = 20;
const SECONDS_PER_EMISSION_STEP: u64 = 180;

/// From this height on the developers' share is the smaller one.
pub const DEV_FEE_CHANGE_HEIGHT: u64 = 3_250_000;
const DEV_FEE_EARLY_PERCENT: u64 = 10;
const DEV_FEE_LATE_PERCENT: u64 = 5;

/// What one block creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reward {
    /// Everything the block creates.
    pub total_atomic: u64,
    /// The developers' share.
    pub dev_atomic: u64,
    /// The miner's share, without fees.
    pub miner_atomic: u64,
}

/// Reward of a block at `height` that is ordered when `supply_atomic` units exist.
#[must_use]
pub fn reward(supply_atomic: u64, height: u64) -> Reward {
    let left = MAXIMUM_SUPPLY_ATOMIC.saturating_sub(supply_atomic);
    let total_atomic = (left >> EMISSION_SPEED_FACTOR) * EMISSION_BLOCK_TIME_MS
        / 1_000
        / SECONDS_PER_EMISSION_STEP;
    let dev_atomic = total_atomic * dev_fee_percent(height) / 100;
    Reward {
        total_atomic,
        dev_atomic,
        miner_atomic: total_atomic - dev_atomic,
    }
}

/// The developers' share at a height, in percent.
#[must_use]
pub fn dev_fee_percent(height: u64) -> u64 {
    if height < DEV_FEE_CHANGE_HEIGHT {
        DEV_FEE_EARLY_PERCENT
    } else {
        DEV_FEE_LATE_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reward_recorded_blocks_match() {
        let genesis = reward(0, 0);
        assert_eq!(genesis.total_atomic, 48_743_353);
        assert_eq!(genesis.dev_atomic, 4_874_335);
        assert_eq!(genesis.miner_atomic, 43_869_018);
        // Height 8 of the recorded chain: the supply after it is 438690134.
        let eighth = reward(438_690_134 - 48_743_343, 8);
        assert_eq!(
            (eighth.total_atomic, eighth.miner_atomic),
            (48_743_343, 43_869_009)
        );
    }

    #[test]
    fn reward_after_exhaustion_is_zero() {
        assert_eq!(reward(MAXIMUM_SUPPLY_ATOMIC, 1).total_atomic, 0);
        assert_eq!(dev_fee_percent(DEV_FEE_CHANGE_HEIGHT), 5);
    }
}

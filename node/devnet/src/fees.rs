//! What a transaction must pay at least, and how large it is.

/// Fee of each begun KiB, in atomic units.
pub const FEE_PER_KIB_ATOMIC: u64 = 10_000;
const FEE_PER_TRANSFER_ATOMIC: u64 = 5_000;
const FEE_PER_NEW_ACCOUNT_ATOMIC: u64 = 100_000;
const KIB: u64 = 1_024;

/// Bytes of one transfer inside a transaction.
pub const TRANSFER_BYTES: usize = 321;
const FIXED_BYTES: usize = 423;

/// Length of the range proof of `transfers` transfers and one source commitment, in bytes.
#[must_use]
pub fn range_proof_bytes(transfers: usize) -> usize {
    let commitments = (transfers + 1).next_power_of_two();
    672 + 64 * commitments.trailing_zeros() as usize
}

/// Length of a transaction of `transfers` transfers without extra data, in bytes.
#[must_use]
pub fn transaction_bytes(transfers: usize) -> usize {
    FIXED_BYTES + range_proof_bytes(transfers) + TRANSFER_BYTES * transfers
}

/// The smallest fee the daemon takes for a transaction, in atomic units.
#[must_use]
pub fn minimum_fee_atomic(size_bytes: usize, transfers: usize, new_accounts: usize) -> u64 {
    (size_bytes as u64).div_ceil(KIB) * FEE_PER_KIB_ATOMIC
        + transfers as u64 * FEE_PER_TRANSFER_ATOMIC
        + new_accounts as u64 * FEE_PER_NEW_ACCOUNT_ATOMIC
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_recorded_transactions_match() {
        assert_eq!(transaction_bytes(1), 1_480);
        assert_eq!(transaction_bytes(2), 1_865);
        assert_eq!(transaction_bytes(255), 83_462);
        assert_eq!(range_proof_bytes(255), 1_184);
    }

    #[test]
    fn fees_recorded_transactions_match() {
        assert_eq!(minimum_fee_atomic(1_480, 1, 0), 25_000);
        assert_eq!(minimum_fee_atomic(1_865, 2, 2), 230_000);
        assert_eq!(minimum_fee_atomic(83_462, 255, 0), 2_095_000);
    }
}

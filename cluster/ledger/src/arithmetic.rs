//! Checked arithmetic whose failures carry a name.

use ruint::aliases::U256;

use crate::apply::ApplyError;

/// `a + b`, which the bounds on commands keep inside the type.
pub(crate) fn add(a: u64, b: u64, what: &'static str) -> Result<u64, ApplyError> {
    a.checked_add(b).ok_or(ApplyError::Overflow { what })
}

/// `a + b`, which the bounds on commands keep inside the type.
pub(crate) fn add_wide(a: u128, b: u128, what: &'static str) -> Result<u128, ApplyError> {
    a.checked_add(b).ok_or(ApplyError::Overflow { what })
}

/// `a - b` of money, which is never negative.
pub(crate) fn take(a: u64, b: u64, what: &'static str) -> Result<u64, ApplyError> {
    a.checked_sub(b).ok_or_else(|| ApplyError::InvariantBroken {
        id: "L2",
        detail: format!("{what}: {a} - {b} is negative"),
    })
}

/// `floor(amount * part / whole)` for `part <= whole`; nothing when there is no whole.
pub(crate) fn share_of(amount: u64, part: u128, whole: u128) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = U256::from(amount) * U256::from(part) / U256::from(whole);
    // At most `amount` for every part of a whole; a larger part is an error of the caller that
    // the conservation of money reports, so that it must not stop here.
    share.saturating_to()
}

/// `floor(amount * bps / 10000)`.
pub(crate) fn basis_points(amount: u64, bps: u32) -> u64 {
    share_of(amount, u128::from(bps), 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_a_whole_is_exact_beyond_128_bits() {
        assert_eq!(share_of(u64::MAX, u128::MAX, u128::MAX), u64::MAX);
        assert_eq!(share_of(u64::MAX, u128::MAX / 2, u128::MAX), u64::MAX / 2);
        assert_eq!(share_of(10, 1, 3), 3);
        assert_eq!(share_of(10, 1, 0), 0);
        assert_eq!(basis_points(9_999, 1), 0);
        assert_eq!(basis_points(10_000, 150), 150);
    }

    #[test]
    fn money_below_zero_is_a_broken_invariant() {
        assert!(matches!(
            take(1, 2, "x"),
            Err(ApplyError::InvariantBroken { id: "L2", .. })
        ));
        assert!(matches!(
            add(u64::MAX, 1, "x"),
            Err(ApplyError::Overflow { what: "x" })
        ));
    }
}

//! Refusals that come from the rules of payouts, and from what operators decide for all.

use raftpool_ledger::Rejection;

use super::peer::rejection::Kind;

/// Kind, texts and numbers of a refusal that is one of these.
pub(super) fn parts(rejection: &Rejection) -> Option<(Kind, Vec<&str>, Vec<u64>)> {
    Some(match rejection {
        Rejection::UnknownMiner(address) => (Kind::UnknownMiner, vec![address], vec![]),
        Rejection::AddressHeld(address) => (Kind::AddressHeld, vec![address], vec![]),
        Rejection::DailyLimit {
            asked_atomic,
            taken_atomic,
            limit_atomic,
        } => {
            let numbers = vec![*asked_atomic, *taken_atomic, *limit_atomic];
            (Kind::DailyLimit, vec![], numbers)
        }
        Rejection::NotApproved(id) => (Kind::NotApproved, vec![], vec![*id]),
        Rejection::PoolFeesTooLow {
            asked_atomic,
            pool_fees_atomic,
        } => {
            let numbers = vec![*asked_atomic, *pool_fees_atomic];
            (Kind::PoolFeesTooLow, vec![], numbers)
        }
        Rejection::Fixed {
            field,
            current,
            given,
        } => (Kind::Fixed, vec![field, current, given], vec![]),
        Rejection::PayoutsNotPaused => (Kind::PayoutsNotPaused, vec![], vec![]),
        Rejection::VersionLowered { given, finalized } => {
            let numbers = vec![u64::from(*given), u64::from(*finalized)];
            (Kind::VersionLowered, vec![], numbers)
        }
        Rejection::PayoutsNotReconciled => (Kind::PayoutsNotReconciled, vec![], vec![]),
        _ => return None,
    })
}

/// The refusal of a kind that is one of these.
pub(super) fn read(
    kind: Kind,
    mut text: impl FnMut() -> Option<String>,
    mut number: impl FnMut() -> Option<u64>,
) -> Option<Rejection> {
    Some(match kind {
        Kind::UnknownMiner => Rejection::UnknownMiner(text()?),
        Kind::AddressHeld => Rejection::AddressHeld(text()?),
        Kind::DailyLimit => Rejection::DailyLimit {
            asked_atomic: number()?,
            taken_atomic: number()?,
            limit_atomic: number()?,
        },
        Kind::NotApproved => Rejection::NotApproved(number()?),
        Kind::PoolFeesTooLow => Rejection::PoolFeesTooLow {
            asked_atomic: number()?,
            pool_fees_atomic: number()?,
        },
        Kind::Fixed => Rejection::Fixed {
            field: super::name(&text()?),
            current: text()?,
            given: text()?,
        },
        Kind::PayoutsNotPaused => Rejection::PayoutsNotPaused,
        Kind::VersionLowered => Rejection::VersionLowered {
            given: u32::try_from(number()?).ok()?,
            finalized: u32::try_from(number()?).ok()?,
        },
        Kind::PayoutsNotReconciled => Rejection::PayoutsNotReconciled,
        _ => return None,
    })
}

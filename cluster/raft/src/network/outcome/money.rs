//! Refusals that come from the accounts and from what the chain says.

use raftpool_ledger::Rejection;

use super::name;
use super::peer::rejection::Kind;

/// Kind, texts and numbers of a refusal that is one of these.
pub(super) fn parts(rejection: &Rejection) -> Option<(Kind, Vec<&str>, Vec<u64>)> {
    Some(match rejection {
        Rejection::ReserveExhausted(scheme) => (Kind::ReserveExhausted, vec![scheme], vec![]),
        Rejection::InsufficientFunds {
            account,
            held_atomic,
        } => (Kind::InsufficientFunds, vec![account], vec![*held_atomic]),
        Rejection::BlockNotSettled(hash) => (Kind::BlockNotSettled, vec![hash], vec![]),
        Rejection::NetworkSampleGap { given, expected } => {
            (Kind::NetworkSampleGap, vec![], vec![*given, *expected])
        }
        Rejection::NetworkSampleOverlap { given, expected } => {
            (Kind::NetworkSampleOverlap, vec![], vec![*given, *expected])
        }
        Rejection::StrayBlocksFull { places } => (Kind::StrayBlocksFull, vec![], vec![*places]),
        Rejection::BlockNotOrphaned(hash) => (Kind::BlockNotOrphaned, vec![hash], vec![]),
        Rejection::BlockWeightsGone(hash) => (Kind::BlockWeightsGone, vec![hash], vec![]),
        Rejection::UnknownStrayBlock(hash) => (Kind::UnknownStrayBlock, vec![hash], vec![]),
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
        Kind::ReserveExhausted => Rejection::ReserveExhausted(name(&text()?)),
        Kind::InsufficientFunds => Rejection::InsufficientFunds {
            account: name(&text()?),
            held_atomic: number()?,
        },
        Kind::BlockNotSettled => Rejection::BlockNotSettled(text()?),
        Kind::NetworkSampleGap => Rejection::NetworkSampleGap {
            given: number()?,
            expected: number()?,
        },
        Kind::NetworkSampleOverlap => Rejection::NetworkSampleOverlap {
            given: number()?,
            expected: number()?,
        },
        Kind::StrayBlocksFull => Rejection::StrayBlocksFull { places: number()? },
        Kind::BlockNotOrphaned => Rejection::BlockNotOrphaned(text()?),
        Kind::BlockWeightsGone => Rejection::BlockWeightsGone(text()?),
        Kind::UnknownStrayBlock => Rejection::UnknownStrayBlock(text()?),
        _ => return None,
    })
}

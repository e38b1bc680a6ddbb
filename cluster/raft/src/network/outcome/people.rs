//! Refusals that concern single people: tokens, bans, and what owners of addresses ask for.

use raftpool_ledger::Rejection;

use super::peer::rejection::Kind;

/// Kind, texts and numbers of a refusal that is one of these.
pub(super) fn parts(rejection: &Rejection) -> Option<(Kind, Vec<&str>, Vec<u64>)> {
    Some(match rejection {
        Rejection::TooManyTokens { tokens_max } => (Kind::TooManyTokens, vec![], vec![*tokens_max]),
        Rejection::UnknownToken(id) => (Kind::UnknownToken, vec![id], vec![]),
        Rejection::BansFull { places } => (Kind::BansFull, vec![], vec![*places]),
        Rejection::NotBanned { miner, worker } => (Kind::NotBanned, vec![miner, worker], vec![]),
        Rejection::OwnerSessionOver => (Kind::OwnerSessionOver, vec![], vec![]),
        Rejection::ChallengeUsed => (Kind::ChallengeUsed, vec![], vec![]),
        Rejection::TooManyOwnerSessions { sessions_max } => {
            (Kind::TooManyOwnerSessions, vec![], vec![*sessions_max])
        }
        Rejection::TooManyOwnerChanges { changes_max } => {
            (Kind::TooManyOwnerChanges, vec![], vec![*changes_max])
        }
        Rejection::UnknownWorker { miner, worker } => {
            (Kind::UnknownWorker, vec![miner, worker], vec![])
        }
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
        Kind::TooManyTokens => Rejection::TooManyTokens {
            tokens_max: number()?,
        },
        Kind::UnknownToken => Rejection::UnknownToken(text()?),
        Kind::BansFull => Rejection::BansFull { places: number()? },
        Kind::NotBanned => Rejection::NotBanned {
            miner: text()?,
            worker: text()?,
        },
        Kind::OwnerSessionOver => Rejection::OwnerSessionOver,
        Kind::ChallengeUsed => Rejection::ChallengeUsed,
        Kind::TooManyOwnerSessions => Rejection::TooManyOwnerSessions {
            sessions_max: number()?,
        },
        Kind::TooManyOwnerChanges => Rejection::TooManyOwnerChanges {
            changes_max: number()?,
        },
        Kind::UnknownWorker => Rejection::UnknownWorker {
            miner: text()?,
            worker: text()?,
        },
        _ => return None,
    })
}

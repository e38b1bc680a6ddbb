//! Outcomes on their way from the leader to the node that passed a command on.

mod money;
mod people;
mod rules;

use std::collections::BTreeSet;

use parking_lot::Mutex;
use raftpool_ledger::{Outcome, Rejection};

use super::peer;
use super::peer::outcome::Kind;
use super::peer::rejection::Kind as Refusal;

/// Names of fields and schemes at most; the ledger has a few dozen.
const NAMES_MAX: usize = 256;

pub(super) fn outcome_message(outcome: &Outcome) -> peer::Outcome {
    let mut message = peer::Outcome::default();
    let kind = match outcome {
        Outcome::SharesCredited { credited, refused } => {
            message.credited = *credited;
            let refused = refused.iter();
            message.refused = refused
                .map(|(position, rejection)| peer::RefusedShare {
                    position: *position,
                    rejection: Some(rejection_message(rejection)),
                })
                .collect();
            Kind::SharesCredited
        }
        Outcome::AlreadyCredited => Kind::AlreadyCredited,
        Outcome::BlockRecorded => Kind::BlockRecorded,
        Outcome::BlockAlreadyRecorded => Kind::BlockAlreadyRecorded,
        Outcome::BlockSettled => Kind::BlockSettled,
        Outcome::BlockDistributed { is_done: false } => Kind::BlockDistributed,
        Outcome::BlockDistributed { is_done: true } => Kind::BlockDistributedWholly,
        Outcome::BlockOrphaned => Kind::BlockOrphaned,
        Outcome::BlockReopened => Kind::BlockReopened,
        Outcome::PayoutReserved => Kind::PayoutReserved,
        Outcome::PayoutSigned => Kind::PayoutSigned,
        Outcome::PayoutConfirmed => Kind::PayoutConfirmed,
        Outcome::PayoutReleased => Kind::PayoutReleased,
        Outcome::PayoutsPaused => Kind::PayoutsPaused,
        Outcome::SettingsChanged => Kind::SettingsChanged,
        Outcome::FundsMoved => Kind::FundsMoved,
        Outcome::TokenMade => Kind::TokenMade,
        Outcome::TokenRevoked => Kind::TokenRevoked,
        Outcome::TokenRequirementSet => Kind::TokenRequirementSet,
        Outcome::WorkerBanned => Kind::WorkerBanned,
        Outcome::BanLifted => Kind::BanLifted,
        Outcome::NetworkSamplePublished => Kind::NetworkSamplePublished,
        Outcome::BlockReported => Kind::BlockReported,
        Outcome::BlockAcknowledged => Kind::BlockAcknowledged,
        Outcome::PayoutApproved => Kind::PayoutApproved,
        Outcome::PayoutRejected => Kind::PayoutRejected,
        Outcome::PayoutAbandoned => Kind::PayoutAbandoned,
        Outcome::PayoutsReconciled => Kind::PayoutsReconciled,
        Outcome::HoldSet => Kind::HoldSet,
        Outcome::PreferencesSet => Kind::PreferencesSet,
        Outcome::OwnerSessionOpened => Kind::OwnerSessionOpened,
        Outcome::OwnerSessionClosed => Kind::OwnerSessionClosed,
        Outcome::ChangedByOwner => Kind::ChangedByOwner,
        Outcome::VersionFinalized => Kind::VersionFinalized,
        Outcome::Nothing => Kind::Nothing,
        Outcome::Rejected(rejection) => {
            message.rejection = Some(rejection_message(rejection));
            Kind::Rejected
        }
    };
    message.set_kind(kind);
    message
}

/// The outcome a message says; `None` when this program does not know it.
pub(crate) fn outcome_of(message: peer::Outcome) -> Option<Outcome> {
    Some(match message.kind() {
        Kind::Unspecified => return None,
        Kind::SharesCredited => {
            let refused = message.refused.into_iter();
            let refused: Option<Vec<_>> = refused
                .map(|share| Some((share.position, rejection_of(share.rejection?)?)))
                .collect();
            Outcome::SharesCredited {
                credited: message.credited,
                refused: refused?,
            }
        }
        Kind::AlreadyCredited => Outcome::AlreadyCredited,
        Kind::BlockRecorded => Outcome::BlockRecorded,
        Kind::BlockAlreadyRecorded => Outcome::BlockAlreadyRecorded,
        Kind::BlockSettled => Outcome::BlockSettled,
        Kind::BlockDistributed => Outcome::BlockDistributed { is_done: false },
        Kind::BlockDistributedWholly => Outcome::BlockDistributed { is_done: true },
        Kind::BlockOrphaned => Outcome::BlockOrphaned,
        Kind::BlockReopened => Outcome::BlockReopened,
        Kind::PayoutReserved => Outcome::PayoutReserved,
        Kind::PayoutSigned => Outcome::PayoutSigned,
        Kind::PayoutConfirmed => Outcome::PayoutConfirmed,
        Kind::PayoutReleased => Outcome::PayoutReleased,
        Kind::PayoutsPaused => Outcome::PayoutsPaused,
        Kind::SettingsChanged => Outcome::SettingsChanged,
        Kind::FundsMoved => Outcome::FundsMoved,
        Kind::TokenMade => Outcome::TokenMade,
        Kind::TokenRevoked => Outcome::TokenRevoked,
        Kind::TokenRequirementSet => Outcome::TokenRequirementSet,
        Kind::WorkerBanned => Outcome::WorkerBanned,
        Kind::BanLifted => Outcome::BanLifted,
        Kind::NetworkSamplePublished => Outcome::NetworkSamplePublished,
        Kind::BlockReported => Outcome::BlockReported,
        Kind::BlockAcknowledged => Outcome::BlockAcknowledged,
        Kind::PayoutApproved => Outcome::PayoutApproved,
        Kind::PayoutRejected => Outcome::PayoutRejected,
        Kind::PayoutAbandoned => Outcome::PayoutAbandoned,
        Kind::PayoutsReconciled => Outcome::PayoutsReconciled,
        Kind::HoldSet => Outcome::HoldSet,
        Kind::PreferencesSet => Outcome::PreferencesSet,
        Kind::OwnerSessionOpened => Outcome::OwnerSessionOpened,
        Kind::OwnerSessionClosed => Outcome::OwnerSessionClosed,
        Kind::ChangedByOwner => Outcome::ChangedByOwner,
        Kind::VersionFinalized => Outcome::VersionFinalized,
        Kind::Nothing => Outcome::Nothing,
        Kind::Rejected => Outcome::Rejected(rejection_of(message.rejection?)?),
    })
}

fn rejection_message(rejection: &Rejection) -> peer::Rejection {
    use Refusal as Kind;
    let (kind, texts, numbers): (_, Vec<&str>, Vec<u64>) = match rejection {
        Rejection::Invalid { field, problem } => (Kind::Invalid, vec![field, problem], vec![]),
        Rejection::OldEpoch {
            node_id,
            epoch,
            newest,
        } => (Kind::OldEpoch, vec![], vec![*node_id, *epoch, *newest]),
        Rejection::OldSequence { node_id, sequence } => {
            (Kind::OldSequence, vec![], vec![*node_id, *sequence])
        }
        Rejection::NoSettings => (Kind::NoSettings, vec![], vec![]),
        Rejection::SchemeNotOffered(scheme) => (Kind::SchemeNotOffered, vec![scheme], vec![]),
        Rejection::UnknownBlock(hash) => (Kind::UnknownBlock, vec![hash], vec![]),
        Rejection::BlockFinal(hash) => (Kind::BlockFinal, vec![hash], vec![]),
        Rejection::PayoutNotOpen(id) => (Kind::PayoutNotOpen, vec![], vec![*id]),
        Rejection::PayoutOpen(id) => (Kind::PayoutOpen, vec![], vec![*id]),
        Rejection::PayoutOutOfOrder { given, expected } => {
            (Kind::PayoutOutOfOrder, vec![], vec![*given, *expected])
        }
        Rejection::InsufficientBalance {
            address,
            debit_atomic,
        } => (
            Kind::InsufficientBalance,
            vec![address],
            vec![*debit_atomic],
        ),
        Rejection::Fenced { proposed, written } => {
            (Kind::Fenced, vec![], vec![*proposed, *written])
        }
        Rejection::PayoutSigned(id) => (Kind::PayoutSigned, vec![], vec![*id]),
        Rejection::UnknownVariant(hash) => (Kind::UnknownVariant, vec![hash], vec![]),
        Rejection::PayoutsPaused => (Kind::PayoutsPaused, vec![], vec![]),
        Rejection::ReserveExhausted(_)
        | Rejection::InsufficientFunds { .. }
        | Rejection::BlockNotSettled(_)
        | Rejection::NetworkSampleGap { .. }
        | Rejection::NetworkSampleOverlap { .. }
        | Rejection::StrayBlocksFull { .. }
        | Rejection::BlockNotOrphaned(_)
        | Rejection::BlockWeightsGone(_)
        | Rejection::UnknownStrayBlock(_) => money::parts(rejection).unwrap_or_default(),
        Rejection::UnknownMiner(_)
        | Rejection::AddressHeld(_)
        | Rejection::DailyLimit { .. }
        | Rejection::NotApproved(_)
        | Rejection::PoolFeesTooLow { .. }
        | Rejection::Fixed { .. }
        | Rejection::VersionLowered { .. }
        | Rejection::PayoutsNotPaused
        | Rejection::PayoutsNotReconciled => rules::parts(rejection).unwrap_or_default(),
        Rejection::TooManyTokens { .. }
        | Rejection::UnknownToken(_)
        | Rejection::BansFull { .. }
        | Rejection::NotBanned { .. }
        | Rejection::OwnerSessionOver
        | Rejection::ChallengeUsed
        | Rejection::TooManyOwnerSessions { .. }
        | Rejection::TooManyOwnerChanges { .. }
        | Rejection::UnknownWorker { .. } => people::parts(rejection).unwrap_or_default(),
    };
    peer::Rejection {
        kind: kind.into(),
        texts: texts.into_iter().map(str::to_owned).collect(),
        numbers,
    }
}

fn rejection_of(message: peer::Rejection) -> Option<Rejection> {
    let kind = message.kind();
    let (mut texts, mut numbers) = (message.texts.into_iter(), message.numbers.into_iter());
    let (mut text, mut number) = (|| texts.next(), || numbers.next());
    Some(match kind {
        Refusal::Unspecified => return None,
        Refusal::Invalid => Rejection::Invalid {
            field: name(&text()?),
            problem: text()?,
        },
        Refusal::OldEpoch => Rejection::OldEpoch {
            node_id: number()?,
            epoch: number()?,
            newest: number()?,
        },
        Refusal::OldSequence => Rejection::OldSequence {
            node_id: number()?,
            sequence: number()?,
        },
        Refusal::NoSettings => Rejection::NoSettings,
        Refusal::SchemeNotOffered => Rejection::SchemeNotOffered(name(&text()?)),
        Refusal::UnknownBlock => Rejection::UnknownBlock(text()?),
        Refusal::BlockFinal => Rejection::BlockFinal(text()?),
        Refusal::PayoutNotOpen => Rejection::PayoutNotOpen(number()?),
        Refusal::PayoutOpen => Rejection::PayoutOpen(number()?),
        Refusal::PayoutOutOfOrder => Rejection::PayoutOutOfOrder {
            given: number()?,
            expected: number()?,
        },
        Refusal::InsufficientBalance => Rejection::InsufficientBalance {
            address: text()?,
            debit_atomic: number()?,
        },
        Refusal::Fenced => Rejection::Fenced {
            proposed: number()?,
            written: number()?,
        },
        Refusal::PayoutSigned => Rejection::PayoutSigned(number()?),
        Refusal::UnknownVariant => Rejection::UnknownVariant(text()?),
        Refusal::PayoutsPaused => Rejection::PayoutsPaused,
        Refusal::ReserveExhausted
        | Refusal::InsufficientFunds
        | Refusal::BlockNotSettled
        | Refusal::NetworkSampleGap
        | Refusal::NetworkSampleOverlap
        | Refusal::StrayBlocksFull
        | Refusal::BlockNotOrphaned
        | Refusal::BlockWeightsGone
        | Refusal::UnknownStrayBlock => money::read(kind, text, number)?,
        Refusal::UnknownMiner
        | Refusal::AddressHeld
        | Refusal::DailyLimit
        | Refusal::NotApproved
        | Refusal::PoolFeesTooLow
        | Refusal::Fixed
        | Refusal::VersionLowered
        | Refusal::PayoutsNotPaused
        | Refusal::PayoutsNotReconciled => rules::read(kind, text, number)?,
        Refusal::TooManyTokens
        | Refusal::UnknownToken
        | Refusal::BansFull
        | Refusal::NotBanned
        | Refusal::OwnerSessionOver
        | Refusal::ChallengeUsed
        | Refusal::TooManyOwnerSessions
        | Refusal::TooManyOwnerChanges
        | Refusal::UnknownWorker => people::read(kind, text, number)?,
    })
}

/// A name for ever. The ledger has its names as constants, so the same few arrive again and
/// again; a peer that invents names gets no more than the table holds.
fn name(text: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock();
    if let Some(known) = names.get(text) {
        return known;
    }
    if names.len() >= NAMES_MAX || text.len() > 64 {
        return "other";
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that come from the accounts and from what the chain says.
    fn rejections_about_money() -> Vec<Rejection> {
        let text = || "text".to_owned();
        vec![
            Rejection::ReserveExhausted("pps"),
            Rejection::InsufficientFunds {
                account: "reserve",
                held_atomic: 3,
            },
            Rejection::BlockNotSettled(text()),
            Rejection::NetworkSampleGap {
                given: 9,
                expected: 7,
            },
            Rejection::NetworkSampleOverlap {
                given: 5,
                expected: 7,
            },
            Rejection::StrayBlocksFull { places: 3 },
            Rejection::UnknownStrayBlock(text()),
            Rejection::BlockNotOrphaned(text()),
            Rejection::BlockWeightsGone(text()),
            Rejection::PayoutsNotReconciled,
        ]
    }

    /// Those that come from the rules.
    fn rejections_by_rules() -> Vec<Rejection> {
        let text = || "text".to_owned();
        vec![
            Rejection::UnknownMiner(text()),
            Rejection::AddressHeld(text()),
            Rejection::DailyLimit {
                asked_atomic: 1,
                taken_atomic: 2,
                limit_atomic: 3,
            },
            Rejection::NotApproved(7),
            Rejection::PoolFeesTooLow {
                asked_atomic: 4,
                pool_fees_atomic: 5,
            },
            Rejection::PayoutsNotPaused,
            Rejection::VersionLowered {
                given: 1,
                finalized: 2,
            },
        ]
    }

    fn rejections() -> Vec<Rejection> {
        let text = || "text".to_owned();
        vec![
            Rejection::Invalid {
                field: "shares",
                problem: text(),
            },
            Rejection::OldEpoch {
                node_id: 1,
                epoch: 2,
                newest: 3,
            },
            Rejection::OldSequence {
                node_id: 1,
                sequence: 2,
            },
            Rejection::NoSettings,
            Rejection::SchemeNotOffered("solo"),
            Rejection::UnknownBlock(text()),
            Rejection::BlockFinal(text()),
            Rejection::PayoutNotOpen(1),
            Rejection::PayoutOpen(2),
            Rejection::PayoutOutOfOrder {
                given: 1,
                expected: 2,
            },
            Rejection::InsufficientBalance {
                address: text(),
                debit_atomic: 9,
            },
            Rejection::Fenced {
                proposed: 4,
                written: 5,
            },
            Rejection::PayoutSigned(3),
            Rejection::UnknownVariant(text()),
            Rejection::PayoutsPaused,
            Rejection::Fixed {
                field: "network",
                current: text(),
                given: text(),
            },
            Rejection::TooManyTokens { tokens_max: 8 },
            Rejection::UnknownToken(text()),
            Rejection::BansFull { places: 7 },
            Rejection::NotBanned {
                miner: text(),
                worker: text(),
            },
            Rejection::OwnerSessionOver,
            Rejection::ChallengeUsed,
            Rejection::TooManyOwnerSessions { sessions_max: 8 },
            Rejection::TooManyOwnerChanges { changes_max: 9 },
            Rejection::UnknownWorker {
                miner: text(),
                worker: text(),
            },
        ]
    }

    #[test]
    fn outcomes_are_read_back() {
        let mut rejections = rejections();
        rejections.extend(rejections_about_money());
        rejections.extend(rejections_by_rules());
        let refused = rejections.iter().cloned();
        let mut outcomes = vec![
            Outcome::SharesCredited {
                credited: 7,
                refused: (3..).zip(refused).collect(),
            },
            Outcome::AlreadyCredited,
            Outcome::BlockRecorded,
            Outcome::BlockAlreadyRecorded,
            Outcome::BlockSettled,
            Outcome::BlockDistributed { is_done: false },
            Outcome::BlockDistributed { is_done: true },
            Outcome::FundsMoved,
            Outcome::BlockOrphaned,
            Outcome::BlockReopened,
            Outcome::PayoutReserved,
            Outcome::PayoutSigned,
            Outcome::PayoutConfirmed,
            Outcome::PayoutReleased,
            Outcome::PayoutsPaused,
            Outcome::SettingsChanged,
            Outcome::TokenMade,
            Outcome::TokenRevoked,
            Outcome::TokenRequirementSet,
            Outcome::WorkerBanned,
            Outcome::BanLifted,
            Outcome::NetworkSamplePublished,
            Outcome::BlockReported,
            Outcome::BlockAcknowledged,
            Outcome::PayoutApproved,
            Outcome::PayoutRejected,
            Outcome::PayoutAbandoned,
            Outcome::PayoutsReconciled,
            Outcome::HoldSet,
            Outcome::PreferencesSet,
            Outcome::OwnerSessionOpened,
            Outcome::OwnerSessionClosed,
            Outcome::ChangedByOwner,
            Outcome::VersionFinalized,
            Outcome::Nothing,
        ];
        outcomes.extend(rejections.into_iter().map(Outcome::Rejected));
        for outcome in outcomes {
            assert_eq!(outcome_of(outcome_message(&outcome)), Some(outcome));
        }
        assert_eq!(outcome_of(peer::Outcome::default()), None);
    }
}

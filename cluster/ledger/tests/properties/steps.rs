//! Random commands over few names, so that they meet each other often.

use proptest::prelude::*;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    BatchId, ChangeSettings, Command, ConfirmPayout, CreditShares, OrphanBlock, PausePayouts,
    Payee, RecordBlock, ReleasePayout, ReservePayout, Settings, SettleBlock, Share, SignPayout,
};
use raftpool_ledger::testing::{change_settings, sample_settings};

/// One step of a random story.
#[derive(Debug, Clone)]
pub enum Step {
    /// A new command.
    Command(Body),
    /// An earlier command once more, as after a lost answer.
    Repeat(usize),
    /// Another leader.
    NewTerm,
}

/// The settings every story begins with.
pub fn first_settings() -> Body {
    change_settings(sample_settings())
}

/// Commands that change nothing when they are applied again in the same order.
pub fn is_idempotent(command: &Command) -> bool {
    match &command.body {
        Some(Body::ChangeSettings(_)) => *command.body.as_ref().unwrap() == first_settings(),
        Some(Body::CreditShares(_) | Body::RecordBlock(_)) => true,
        _ => false,
    }
}

/// Up to `length` steps.
pub fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..length)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => batch().prop_map(Step::Command),
        3 => block().prop_map(Step::Command),
        4 => (0_u8..8, amount()).prop_map(|(name, amount)| Step::Command(settle(name, amount))),
        1 => (0_u8..8).prop_map(|name| Step::Command(orphan(name))),
        4 => reserve().prop_map(Step::Command),
        4 => sign().prop_map(Step::Command),
        4 => confirm().prop_map(Step::Command),
        1 => (1_u64..5, 1_u64..3).prop_map(|(id, term)| Step::Command(release(id, term))),
        1 => prop::bool::weighted(0.3).prop_map(|paused| Step::Command(pause(paused))),
        1 => settings().prop_map(Step::Command),
        4 => any::<prop::sample::Index>().prop_map(|index| Step::Repeat(index.index(1_000))),
        1 => Just(Step::NewTerm),
    ]
}

fn miner() -> impl Strategy<Value = String> {
    (0_u8..5).prop_map(|number| ["a", "ab", "b", "c", "pool"][usize::from(number)].to_owned())
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        20 => 0_u64..200_000,
        1 => Just(1_839_999_999_000_000),
        1 => any::<u64>(),
    ]
}

fn network_difficulty() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => (1_u64..300).prop_map(|difficulty| difficulty.to_be_bytes().to_vec()),
        1 => Just(vec![]),
        1 => prop::collection::vec(any::<u8>(), 15..19),
    ]
}

fn share() -> impl Strategy<Value = Share> {
    let worker = prop_oneof![
        Just("w".to_owned()),
        Just("x".to_owned()),
        Just(String::new())
    ];
    (miner(), worker, 0..4_i32, 0_u64..200, network_difficulty()).prop_map(
        |(miner, worker, scheme, difficulty, network_difficulty)| Share {
            miner,
            worker,
            scheme,
            difficulty,
            network_difficulty,
            height: 1,
            received_at_ms: 0,
        },
    )
}

fn batch() -> impl Strategy<Value = Body> {
    let sequence = prop_oneof![10 => 0_u64..15, 1 => 4_090_u64..4_110, 1 => any::<u64>()];
    let id = (1_u64..3, 1_u64..4, sequence);
    (id, prop::collection::vec(share(), 0..6)).prop_map(|((node_id, epoch, sequence), shares)| {
        let batch = Some(BatchId {
            node_id,
            epoch,
            sequence,
        });
        Body::CreditShares(CreditShares {
            batch,
            shares,
            workers: Vec::new(),
        })
    })
}

fn block() -> impl Strategy<Value = Body> {
    (0_u8..8, 0_u64..50, share()).prop_map(|(name, height, share)| {
        Body::RecordBlock(RecordBlock {
            hash: vec![name; 32],
            height,
            share: Some(share),
            ..Default::default()
        })
    })
}

fn settle(name: u8, amount_atomic: u64) -> Body {
    Body::SettleBlock(SettleBlock {
        hash: vec![name; 32],
        amount_atomic,
        topoheight: 1,
    })
}

fn orphan(name: u8) -> Body {
    Body::OrphanBlock(OrphanBlock {
        hash: vec![name; 32],
        reason: "test".into(),
    })
}

fn payee() -> impl Strategy<Value = Payee> {
    let debit = prop_oneof![20 => 0_u64..20_000, 1 => any::<u64>()];
    (miner(), debit, 0_u64..60).prop_map(|(address, debit_atomic, fee)| Payee {
        address,
        debit_atomic,
        transfer_atomic: debit_atomic.saturating_sub(fee),
    })
}

fn reserve() -> impl Strategy<Value = Body> {
    (
        1_u64..5,
        0_u64..6,
        prop::collection::vec(payee(), 0..4),
        1_u64..3,
    )
        .prop_map(|(payout_id, nonce, payees, term)| {
            Body::ReservePayout(ReservePayout {
                payout_id,
                nonce,
                payees,
                term,
            })
        })
}

fn sign() -> impl Strategy<Value = Body> {
    (1_u64..5, 0_u8..6, 0_u64..100, 1_u64..3).prop_map(|(payout_id, name, fee_atomic, term)| {
        Body::SignPayout(SignPayout {
            payout_id,
            tx_hash: vec![name; 32],
            tx: vec![name],
            fee_atomic,
            reference_topoheight: 1,
            term,
        })
    })
}

fn confirm() -> impl Strategy<Value = Body> {
    (1_u64..5, 0_u8..6).prop_map(|(payout_id, name)| {
        Body::ConfirmPayout(ConfirmPayout {
            payout_id,
            tx_hash: vec![name; 32],
            block_hash: vec![7; 32],
            topoheight: 1,
        })
    })
}

fn release(payout_id: u64, term: u64) -> Body {
    Body::ReleasePayout(ReleasePayout {
        payout_id,
        reason: "test".into(),
        term,
    })
}

fn pause(paused: bool) -> Body {
    Body::PausePayouts(PausePayouts {
        paused,
        reason: "test".into(),
    })
}

fn settings() -> impl Strategy<Value = Body> {
    (1_u32..3_000, 0_u32..10_001, any::<bool>(), 1_u32..4).prop_map(
        |(pplns_window_milli, pplns_fee_bps, solo_offered, payout_payees_max)| {
            Body::ChangeSettings(ChangeSettings {
                settings: Some(Settings {
                    pplns_window_milli,
                    pplns_fee_bps,
                    solo_offered,
                    payout_payees_max,
                    ..sample_settings()
                }),
                reason: "test".into(),
            })
        },
    )
}

//! Random commands over few names, so that they meet each other often.

use proptest::prelude::*;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    AbandonPayout, Account, ApprovePayout, BanWorker, BatchId, Command, ConfirmPayout,
    CreditShares, ExecutedSpend, FinalizeVersion, LiftBan, MakeToken, MoveFunds, OrphanBlock,
    PaidTo, PausePayouts, Payee, PublishNetworkSample, ReconcilePayouts, RecordBlock, RejectPayout,
    ReleasePayout, ReopenBlock, RequireToken, ReservePayout, RevokeToken, Settings, SettleBlock,
    Share, SignPayout,
};
use raftpool_ledger::settings::is_fee_borne_by_pool;
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, move_funds, record_block, sample_settings,
    sample_share, settle_block,
};
use raftpool_ledger::view::LedgerView;

use super::{owners, rules};

/// One step of a random story.
#[derive(Debug, Clone)]
pub enum Step {
    /// A new command.
    Command(Body),
    /// A command around the open payout, or the next one.
    Payout(PayoutStep),
    /// An earlier command once more, as after a lost answer.
    Repeat(usize),
    /// Another leader.
    NewTerm,
}

/// A command that mostly fits the state it meets; the skews make it miss.
#[derive(Debug, Clone)]
pub struct PayoutStep {
    verb: Verb,
    id_skew: u64,
    term_skew: u64,
    tx: u8,
    fee_atomic: u64,
}

#[derive(Debug, Clone)]
enum Verb {
    Reserve {
        payees: Vec<(String, u64, u64)>,
        nonce_skew: u64,
        pool_fee_budget_atomic: u64,
    },
    Sign,
    Confirm,
    Release,
    Approve,
    Reject,
    Abandon,
    Reconcile {
        payees: Vec<(String, u64)>,
        nonce_skew: u64,
        stable_height: u64,
    },
}

impl PayoutStep {
    /// The command, for the state it will meet.
    pub fn resolve(&self, view: &LedgerView<'_>, term: u64) -> Body {
        let open = view.open_payout().unwrap().map(|payout| payout.id);
        let next = view.next_payout_id().unwrap();
        let term = term - self.term_skew.min(term);
        let payout_id = open.unwrap_or(next - 1) + self.id_skew;
        // Names differ between payouts most of the time.
        let tx_hash = vec![self.tx + 4 * payout_id as u8; 32];
        let settings = view.settings().unwrap().unwrap();
        let is_borne_by_pool = is_fee_borne_by_pool(&settings);
        match &self.verb {
            Verb::Reserve {
                payees,
                nonce_skew,
                pool_fee_budget_atomic,
            } => Body::ReservePayout(ReservePayout {
                pool_fee_budget_atomic: match is_borne_by_pool {
                    true => *pool_fee_budget_atomic,
                    false => pool_fee_budget_atomic.saturating_sub(55),
                },
                payout_id: next + self.id_skew,
                nonce: (view.payout_nonce_floor().unwrap() + nonce_skew).saturating_sub(1),
                payees: payees
                    .iter()
                    .map(|payee| resolve_payee(view, payee, is_borne_by_pool))
                    .collect(),
                term,
            }),
            Verb::Sign => Body::SignPayout(SignPayout {
                payout_id,
                tx_hash,
                tx: vec![self.tx],
                fee_atomic: self.fee_atomic,
                reference_topoheight: 1,
                term,
            }),
            Verb::Confirm => Body::ConfirmPayout(ConfirmPayout {
                payout_id,
                tx_hash,
                block_hash: vec![7; 32],
                topoheight: 1,
            }),
            Verb::Approve => Body::ApprovePayout(ApprovePayout {
                payout_id,
                reason: "test".into(),
            }),
            Verb::Reject => Body::RejectPayout(RejectPayout {
                payout_id,
                reason: "test".into(),
            }),
            Verb::Reconcile { .. } => self.reconcile(view, tx_hash),
            // Payouts must be paused for it: the first such step sees to that.
            Verb::Abandon if view.payouts_paused().unwrap().is_none() && self.tx == 2 => {
                pause(true)
            }
            Verb::Abandon => Body::AbandonPayout(AbandonPayout {
                payout_id,
                reason: "test".into(),
                keeps_nonce: self.tx == 1,
            }),
            Verb::Release => Body::ReleasePayout(ReleasePayout {
                payout_id,
                reason: "test".into(),
                term,
            }),
        }
    }

    fn reconcile(&self, view: &LedgerView<'_>, tx_hash: Vec<u8>) -> Body {
        let Verb::Reconcile {
            payees,
            nonce_skew,
            stable_height,
        } = &self.verb
        else {
            unreachable!("only for reconciliations");
        };
        // Payouts must be paused for it: the first such step sees to that.
        if view.payouts_paused().unwrap().is_none() && self.tx > 0 {
            return Body::PausePayouts(PausePayouts {
                paused: true,
                reason: "test".into(),
                until_reconciled: self.tx > 1,
                ..PausePayouts::default()
            });
        }
        let next = view.next_payout_id().unwrap();
        let free = view.payout_nonce_floor().unwrap();
        let open = view.open_payout().unwrap();
        let nonce = open.map_or(free, |payout| payout.nonce) + nonce_skew;
        let paid_to = |(address, amount_atomic): &(String, u64)| PaidTo {
            address: address.clone(),
            amount_atomic: *amount_atomic,
        };
        let spend = ExecutedSpend {
            nonce: nonce.saturating_sub(1),
            tx_hash: match self.tx {
                0 | 1 => tx_hash,
                _ => vec![200 + (next % 50) as u8; 32],
            },
            fee_atomic: self.fee_atomic,
            block_hash: vec![7; 32],
            topoheight: 1,
            payees: payees.iter().map(paid_to).collect(),
        };
        Body::ReconcilePayouts(ReconcilePayouts {
            spend: (!payees.is_empty()).then_some(spend),
            is_complete: payees.len() < 2,
            stable_height: *stable_height,
            reason: "test".into(),
        })
    }
}

/// A payee who is debited a part of the balance in percent, mostly.
fn resolve_payee(
    view: &LedgerView<'_>,
    (address, percent, fee): &(String, u64, u64),
    is_borne_by_pool: bool,
) -> Payee {
    let balance = view
        .miner(address)
        .unwrap()
        .map_or(0, |miner| miner.balance_atomic);
    let debit_atomic = (u128::from(balance) * u128::from(*percent) / 100) as u64;
    // A little skew remains, to be refused.
    let fee = if is_borne_by_pool { fee / 55 } else { *fee };
    let transfer_atomic = debit_atomic.saturating_sub(fee);
    Payee {
        address: address.clone(),
        debit_atomic,
        transfer_atomic,
    }
}

/// The settings every story begins with: all schemes are offered.
pub fn first_settings() -> Body {
    change_settings(Settings {
        pps_offered: true,
        fpps_offered: true,
        ..sample_settings()
    })
}

/// What every story begins with: four miners with money.
pub fn prologue() -> [Body; 5] {
    let miners = ["a", "ab", "b", "c"];
    let shares = miners
        .iter()
        .map(|miner| sample_share(miner, 25, 100))
        .collect();
    [
        first_settings(),
        credit_shares(20, shares),
        record_block([100; 32], 1, sample_share("a", 1, 100)),
        settle_block([100; 32], 100_000, 1),
        move_funds(Account::Deposits, Account::Reserve, 150_000),
    ]
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
        2 => (0_u8..8, prop::bool::weighted(0.7))
            .prop_map(|(name, keeps_weights)| Step::Command(orphan(name, keeps_weights))),
        5 => (0_u8..8).prop_map(|name| Step::Command(reopen(name))),
        16 => payout_step().prop_map(Step::Payout),
        1 => prop::bool::weighted(0.25).prop_map(|paused| Step::Command(pause(paused))),
        1 => settings().prop_map(Step::Command),
        2 => funds().prop_map(Step::Command),
        2 => (0_u64..6, 0_u64..3).prop_map(|(place, fees)| Step::Command(sample(place, fees))),
        2 => (0_u8..8).prop_map(|name| Step::Command(distribute_block([name; 32]))),
        3 => token().prop_map(Step::Command),
        2 => rules::commands().prop_map(Step::Command),
        2 => owners::commands().prop_map(Step::Command),
        2 => (miner(), 0_u64..200_000_000).prop_map(|(miner, until_ms)| Step::Command(ban(miner, until_ms))),
        2 => miner().prop_map(|miner| Step::Command(lift(miner))),
        1 => (0_u32..3, 1_u64..4).prop_map(|(version, term)| Step::Command(finalize(version, term))),
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
    let reward = prop_oneof![1 => Just(0), 4 => 1_u64..40_000];
    let scheme = prop_oneof![8 => 0..5_i32, 1 => Just(9)];
    let listener_scheme = prop_oneof![9 => Just(0), 8 => 1..5_i32, 1 => Just(9)];
    (
        miner(),
        worker,
        (scheme, listener_scheme),
        0_u64..200,
        network_difficulty(),
        reward,
    )
        .prop_map(
            |(miner, worker, schemes, difficulty, network_difficulty, expected_reward_atomic)| {
                let (scheme, listener_scheme) = schemes;
                Share {
                    miner,
                    worker,
                    scheme,
                    difficulty,
                    network_difficulty,
                    height: 1,
                    received_at_ms: 0,
                    expected_reward_atomic,
                    listener_scheme,
                }
            },
        )
}

fn batch() -> impl Strategy<Value = Body> {
    let sequence = prop_oneof![10 => 0_u64..15, 1 => 4_090_u64..4_110, 1 => any::<u64>()];
    let epoch = prop_oneof![15 => Just(1_u64), 1 => 1_u64..4];
    let id = (1_u64..3, epoch, sequence);
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
    (0_u8..8, 0_u64..50, 0_u32..12, share()).prop_map(|(name, height, heights_late, share)| {
        Body::RecordBlock(RecordBlock {
            hash: vec![name; 32],
            height,
            heights_late,
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

fn orphan(name: u8, keeps_weights: bool) -> Body {
    Body::OrphanBlock(OrphanBlock {
        hash: vec![name; 32],
        reason: "test".into(),
        keeps_weights,
    })
}

fn reopen(name: u8) -> Body {
    Body::ReopenBlock(ReopenBlock {
        hash: vec![name; 32],
        reason: "test".into(),
    })
}

fn payout_step() -> impl Strategy<Value = PayoutStep> {
    let payee = (
        miner(),
        prop_oneof![8 => 1_u64..60, 1 => 0_u64..120],
        0_u64..60,
    );
    let verb = prop_oneof![
        5 => (prop::collection::vec(payee, 0..4), prop_oneof![6 => 1_u64..3, 1 => Just(0)], 0_u64..60)
            .prop_map(|(payees, nonce_skew, pool_fee_budget_atomic)| Verb::Reserve {
                payees,
                nonce_skew,
                pool_fee_budget_atomic,
            }),
        4 => Just(Verb::Sign),
        3 => Just(Verb::Confirm),
        1 => Just(Verb::Release),
        4 => Just(Verb::Approve),
        1 => Just(Verb::Reject),
        3 => Just(Verb::Abandon),
        1 => (
            prop::collection::vec((miner(), prop_oneof![9 => 1_u64..40_000, 1 => Just(0)]), 0..4),
            prop_oneof![6 => Just(1_u64), 1 => Just(0), 1 => Just(2)],
            prop_oneof![3 => Just(0_u64), 1 => 0_u64..50],
        )
            .prop_map(|(payees, nonce_skew, stable_height)| Verb::Reconcile {
                payees,
                nonce_skew,
                stable_height,
            }),
    ];
    let id_skew = prop_oneof![12 => Just(0_u64), 1 => Just(1)];
    let term_skew = prop_oneof![12 => Just(0_u64), 1 => Just(1)];
    (verb, id_skew, term_skew, 0_u8..3, 0_u64..50).prop_map(
        |(verb, id_skew, term_skew, tx, fee_atomic)| PayoutStep {
            verb,
            id_skew,
            term_skew,
            tx,
            fee_atomic,
        },
    )
}

fn token() -> impl Strategy<Value = Body> {
    let make = (0_u8..3, 0_u8..2, 0_usize..3).prop_map(|(name, twist, end)| {
        let mut token_hash = vec![name; 32];
        // The same id with another hash, which must never pass for the other.
        token_hash[31] = twist;
        MakeToken {
            token_hash,
            // The ledger's time begins at 1,000.
            expires_at_ms: [0, 1, 1 << 60][end],
            worker: ["", "w", ""][end].into(),
            ..MakeToken::default()
        }
    });
    // Fewer names than elsewhere, so that what is revoked was mostly made.
    let miner = || prop_oneof![3 => Just("a".to_owned()), 1 => Just("ab".to_owned())];
    prop_oneof![
        4 => (miner(), make).prop_map(|(miner, make)| Body::MakeToken(MakeToken { miner, ..make })),
        2 => (miner(), 0_u8..3).prop_map(|(miner, name)| Body::RevokeToken(RevokeToken {
            miner,
            token_id: vec![name; 8],
            reason: "test".into(),
        })),
        2 => (miner(), any::<bool>()).prop_map(|(miner, is_required)| {
            let reason = "test".into();
            Body::RequireToken(RequireToken { miner, is_required, reason })
        }),
    ]
}

fn pause(paused: bool) -> Body {
    Body::PausePayouts(PausePayouts {
        paused,
        reason: "test".into(),
        ..PausePayouts::default()
    })
}

fn ban(miner: String, until_ms: u64) -> Body {
    Body::BanWorker(BanWorker {
        miner,
        worker: "w".into(),
        reason: "test".into(),
        until_ms,
    })
}

fn lift(miner: String) -> Body {
    Body::LiftBan(LiftBan {
        miner,
        worker: "w".into(),
        reason: "test".into(),
    })
}

fn finalize(version: u32, term: u64) -> Body {
    Body::FinalizeVersion(FinalizeVersion {
        version,
        reason: "test".into(),
        term,
    })
}

fn sample(place: u64, fees: u64) -> Body {
    let (first_topoheight, fees_atomic) = (100 + 10 * place, 1_000 * place + 37_777 * fees);
    Body::PublishNetworkSample(PublishNetworkSample {
        first_topoheight,
        last_topoheight: first_topoheight + 9,
        blocks: 10,
        fees_atomic,
        rewards_atomic: 0,
        fees_max_atomic: fees_atomic,
        unreadable_blocks: 0,
    })
}

const INNER: &[Account] = &[
    Account::Reserve,
    Account::FeesPplns,
    Account::FeesSolo,
    Account::FeesPps,
    Account::FeesFpps,
    Account::Rounding,
    Account::Donations,
];

fn funds() -> impl Strategy<Value = Body> {
    let from = prop_oneof![1 => Just(Account::Deposits), 2 => prop::sample::select(INNER)];
    let to = prop_oneof![
        2 => Just(Account::Mature),
        2 => Just(Account::Reserve),
        3 => prop::sample::select(INNER),
    ];
    let amount = prop_oneof![1 => Just(0_u64), 8 => 1_u64..2_000, 2 => 1_u64..300_000];
    // Only miners who have worked: others would appear from nowhere in the model.
    (from, to, amount, 0_usize..4).prop_map(|(from, to, amount_atomic, name)| {
        let miner = match to {
            Account::Mature => ["a", "b", "c", "pool"][name].to_owned(),
            _ if name == 0 => "a".to_owned(),
            _ => String::new(),
        };
        Body::MoveFunds(MoveFunds {
            from: from.into(),
            to: to.into(),
            miner,
            amount_atomic,
            reason: "test".into(),
        })
    })
}

fn settings() -> impl Strategy<Value = Body> {
    let offers = (any::<bool>(), any::<bool>(), any::<bool>());
    let fees = (0_u32..10_001, 0_u32..10_001, 0_u32..10_001);
    let bounds = (1_u32..4, 0_u64..60_000);
    (1_u32..3_000, fees, offers, bounds, rules::settings()).prop_map(
        |(pplns_window_milli, fees, offers, bounds, rules)| {
            let (payout_payees_max, reserve_floor_atomic) = bounds;
            let (pplns_fee_bps, pps_fee_bps, donation_bps) = fees;
            let (solo_offered, pps_offered, fpps_offered) = offers;
            change_settings(Settings {
                pplns_window_milli,
                pplns_fee_bps,
                pps_fee_bps,
                donation_bps,
                solo_offered,
                pps_offered,
                fpps_offered,
                payout_payees_max,
                reserve_floor_atomic,
                payout_daily_limit_atomic: rules.payout_daily_limit_atomic,
                payout_approval_above_atomic: rules.payout_approval_above_atomic,
                network_fee_payer: rules.network_fee_payer,
                ..sample_settings()
            })
        },
    )
}

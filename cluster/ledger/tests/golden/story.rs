//! One command of each kind, in an order in which all go through.

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::*;
use raftpool_ledger::testing::{
    change_settings, credit_shares, distribute_block, make_token, move_funds, record_block,
    require_token, revoke_token, sample_settings, sample_share, settle_block,
};

/// All of them.
pub fn story() -> Vec<Body> {
    [
        work(),
        blocks(),
        payouts(),
        payouts_by_hand(),
        people(),
        came_back(),
        by_owner(),
        reconciled(),
        versions(),
    ]
    .concat()
}

fn reason() -> String {
    "golden".to_owned()
}

fn hash(byte: u8) -> Vec<u8> {
    vec![byte; 32]
}

fn settings() -> Settings {
    Settings {
        pps_offered: true,
        fpps_offered: true,
        donation_bps: 500,
        payout_daily_limit_atomic: 1_000_000,
        payout_approval_above_atomic: Some(1_000),
        ..sample_settings()
    }
}

fn share(miner: &str, scheme: Scheme, difficulty: u64) -> Share {
    Share {
        scheme: scheme.into(),
        expected_reward_atomic: 10_000,
        ..sample_share(miner, difficulty, 100)
    }
}

fn work() -> Vec<Body> {
    let sample = PublishNetworkSample {
        first_topoheight: 11,
        last_topoheight: 20,
        blocks: 10,
        fees_atomic: 4_000,
        rewards_atomic: 90_000,
        fees_max_atomic: 900,
        unreadable_blocks: 0,
    };
    let report = WorkerReport {
        miner: "a".into(),
        worker: "w".into(),
        difficulty: 77,
        rejects: vec![RejectCount {
            reason: RejectReason::Stale.into(),
            count: 3,
        }],
    };
    let shares = vec![
        sample_share("a", 40, 100),
        share("b", Scheme::Pps, 10),
        share("b", Scheme::Fpps, 10),
        share("c", Scheme::Solo, 5),
    ];
    let batch = match credit_shares(1, shares) {
        Body::CreditShares(batch) => Body::CreditShares(CreditShares {
            workers: vec![report],
            ..batch
        }),
        other => other,
    };
    vec![
        change_settings(settings()),
        Body::PublishNetworkSample(sample),
        move_funds(Account::Deposits, Account::Reserve, 500_000),
        batch,
    ]
}

fn blocks() -> Vec<Body> {
    vec![
        record_block([1; 32], 3, share("a", Scheme::Pplns, 10)),
        record_block([2; 32], 4, share("c", Scheme::Solo, 10)),
        record_block([3; 32], 5, share("b", Scheme::Pps, 10)),
        record_block([4; 32], 6, share("b", Scheme::Pplns, 10)),
        settle_block([1; 32], 10_007, 31),
        distribute_block([1; 32]),
        settle_block([2; 32], 10_007, 32),
        settle_block([3; 32], 10_007, 33),
        Body::OrphanBlock(OrphanBlock {
            hash: hash(4),
            reason: reason(),
            keeps_weights: false,
        }),
        Body::ReportBlock(ReportBlock {
            hash: hash(5),
            height: 7,
            topoheight: 34,
            amount_atomic: 9_999,
        }),
        Body::AcknowledgeBlock(AcknowledgeBlock {
            hash: hash(5),
            reason: reason(),
        }),
    ]
}

fn reserve(payout_id: u64, debit_atomic: u64) -> Body {
    Body::ReservePayout(ReservePayout {
        payout_id,
        nonce: 6 + payout_id,
        payees: vec![Payee {
            address: "a".into(),
            debit_atomic,
            transfer_atomic: debit_atomic - 20,
        }],
        term: 1,
        ..ReservePayout::default()
    })
}

fn sign(payout_id: u64, byte: u8) -> Body {
    Body::SignPayout(SignPayout {
        payout_id,
        tx_hash: hash(byte),
        tx: vec![byte; 3],
        fee_atomic: 7,
        reference_topoheight: 9,
        term: 1,
    })
}

fn pause(paused: bool) -> Body {
    Body::PausePayouts(PausePayouts {
        paused,
        reason: reason(),
        ..PausePayouts::default()
    })
}

fn payouts() -> Vec<Body> {
    vec![
        reserve(1, 2_000),
        Body::ApprovePayout(ApprovePayout {
            payout_id: 1,
            reason: reason(),
        }),
        sign(1, 8),
        Body::ConfirmPayout(ConfirmPayout {
            payout_id: 1,
            tx_hash: hash(8),
            block_hash: hash(9),
            topoheight: 40,
        }),
        reserve(2, 500),
        Body::ReleasePayout(ReleasePayout {
            payout_id: 2,
            reason: reason(),
            term: 1,
        }),
    ]
}

fn payouts_by_hand() -> Vec<Body> {
    let borne_by_pool = Settings {
        network_fee_payer: NetworkFeePayer::Pool.into(),
        ..settings()
    };
    vec![
        reserve(3, 600),
        Body::RejectPayout(RejectPayout {
            payout_id: 3,
            reason: reason(),
        }),
        pause(false),
        reserve(4, 700),
        sign(4, 10),
        pause(true),
        Body::AbandonPayout(AbandonPayout {
            payout_id: 4,
            reason: reason(),
            keeps_nonce: false,
        }),
        pause(false),
        change_settings(borne_by_pool),
        Body::ReservePayout(ReservePayout {
            payout_id: 5,
            nonce: 12,
            payees: vec![Payee {
                address: "a".into(),
                debit_atomic: 800,
                transfer_atomic: 800,
            }],
            pool_fee_budget_atomic: 30,
            term: 1,
        }),
    ]
}

fn people() -> Vec<Body> {
    let ban = |miner: &str| {
        Body::BanWorker(BanWorker {
            miner: miner.into(),
            worker: "w".into(),
            reason: reason(),
            until_ms: 90_000_000,
        })
    };
    vec![
        Body::HoldAddress(HoldAddress {
            miner: "c".into(),
            is_held: true,
            reason: reason(),
        }),
        Body::SetMinerPreferences(SetMinerPreferences {
            miner: "b".into(),
            payout_threshold_atomic: 1_500,
            scheme: Scheme::Fpps.into(),
            reason: reason(),
        }),
        make_token("a", "rpt_golden"),
        make_token("a", "rpt_other"),
        require_token("a", true),
        revoke_token("a", "rpt_other"),
        ban("a"),
        ban("b"),
        Body::LiftBan(LiftBan {
            miner: "b".into(),
            worker: "w".into(),
            reason: reason(),
        }),
    ]
}

fn by_owner() -> Vec<Body> {
    let session = |byte: u8, challenge: u8| OpenOwnerSession {
        miner: "b".into(),
        session_hash: vec![byte; 32],
        challenge: vec![challenge; 16],
        expires_at_ms: 12_000_000,
    };
    let change = |change| {
        Body::ChangeByOwner(ChangeByOwner {
            miner: "b".into(),
            session_hash: vec![1; 32],
            ..change
        })
    };
    vec![
        Body::OpenOwnerSession(session(1, 1)),
        Body::OpenOwnerSession(session(2, 2)),
        change(ChangeByOwner {
            payout_threshold_atomic: Some(1_500),
            scheme: Some(Scheme::Solo.into()),
            is_hidden: Some(true),
            is_token_required: Some(false),
            label: Some(WorkerLabel {
                worker: "w".into(),
                label: "Cellar, left".into(),
            }),
            ..ChangeByOwner::default()
        }),
        change(ChangeByOwner {
            token: Some(Box::new(MakeToken {
                miner: "b".into(),
                token_hash: vec![9; 32],
                ..MakeToken::default()
            })),
            ..ChangeByOwner::default()
        }),
        change(ChangeByOwner {
            revoked_token_id: vec![9; 8],
            ..ChangeByOwner::default()
        }),
        Body::CloseOwnerSession(CloseOwnerSession {
            miner: "b".into(),
            session_hash: vec![1; 32],
        }),
    ]
}

fn versions() -> Vec<Body> {
    vec![Body::FinalizeVersion(FinalizeVersion {
        version: 2,
        reason: reason(),
        term: 1,
    })]
}

fn came_back() -> Vec<Body> {
    let orphan = |byte| {
        Body::OrphanBlock(OrphanBlock {
            hash: hash(byte),
            reason: reason(),
            keeps_weights: true,
        })
    };
    vec![
        record_block([6; 32], 8, share("a", Scheme::Pplns, 10)),
        record_block([7; 32], 9, share("a", Scheme::Pplns, 10)),
        orphan(6),
        orphan(7),
        Body::ReopenBlock(ReopenBlock {
            hash: hash(6),
            reason: reason(),
        }),
        settle_block([6; 32], 10_007, 35),
    ]
}

fn reconciled() -> Vec<Body> {
    let pause_until_reconciled = Body::PausePayouts(PausePayouts {
        paused: true,
        reason: reason(),
        until_reconciled: true,
        ..PausePayouts::default()
    });
    vec![
        pause_until_reconciled,
        Body::ReconcilePayouts(ReconcilePayouts {
            spend: Some(ExecutedSpend {
                nonce: 12,
                tx_hash: hash(11),
                fee_atomic: 25,
                block_hash: hash(12),
                topoheight: 50,
                payees: vec![PaidTo {
                    address: "a".into(),
                    amount_atomic: 790,
                }],
            }),
            is_complete: true,
            stable_height: 0,
            reason: reason(),
        }),
        pause(false),
    ]
}

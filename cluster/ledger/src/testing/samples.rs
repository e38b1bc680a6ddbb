//! Commands as tests need them; each test changes the fields it is about.

use crate::command::command::Body;
use crate::command::{
    Account, BatchId, ChangeSettings, CreditShares, DistributeBlock, MakeToken, MoveFunds,
    RecordBlock, RequireToken, RevokeToken, Scheme, Settings, SettleBlock, Share,
};
use crate::tokens::{token_hash, token_id};

/// Settings of a pool on the simulated network: 1 % PPLNS over two blocks, and solo for 0.5 %.
pub fn sample_settings() -> Settings {
    Settings {
        network: "devnet".into(),
        pool_address: "pool".into(),
        pplns_fee_bps: 100,
        solo_fee_bps: 50,
        pplns_window_milli: 2_000,
        pplns_offered: true,
        solo_offered: true,
        default_scheme: Scheme::Pplns.into(),
        payout_threshold_atomic: 1_000,
        payout_interval_ms: 60_000,
        payout_payees_max: 255,
        pps_fee_bps: 200,
        fpps_fee_bps: 300,
        reserve_ruin_per_million: 1_000,
        ..Settings::default()
    }
}

/// A share of a miner's worker called `w`.
pub fn sample_share(miner: &str, difficulty: u64, network_difficulty: u64) -> Share {
    Share {
        miner: miner.into(),
        worker: "w".into(),
        scheme: Scheme::Unspecified.into(),
        difficulty,
        network_difficulty: network_difficulty.to_be_bytes().to_vec(),
        height: 1,
        received_at_ms: 0,
        expected_reward_atomic: 0,
        listener_scheme: 0,
    }
}

/// Sets the settings.
pub fn change_settings(settings: Settings) -> Body {
    Body::ChangeSettings(ChangeSettings {
        settings: Some(settings),
        reason: "test".into(),
    })
}

/// A batch of the first epoch of node 1.
pub fn credit_shares(sequence: u64, shares: Vec<Share>) -> Body {
    let batch = Some(BatchId {
        node_id: 1,
        epoch: 1,
        sequence,
    });
    Body::CreditShares(CreditShares {
        batch,
        shares,
        workers: Vec::new(),
    })
}

/// A found block.
pub fn record_block(hash: [u8; 32], height: u64, share: Share) -> Body {
    let hash = hash.to_vec();
    Body::RecordBlock(RecordBlock {
        hash,
        height,
        share: Some(share),
        ..RecordBlock::default()
    })
}

/// A block's settlement.
pub fn settle_block(hash: [u8; 32], amount_atomic: u64, topoheight: u64) -> Body {
    Body::SettleBlock(SettleBlock {
        hash: hash.to_vec(),
        amount_atomic,
        topoheight,
    })
}

/// The next step of handing a settled block out.
pub fn distribute_block(hash: [u8; 32]) -> Body {
    Body::DistributeBlock(DistributeBlock {
        hash: hash.to_vec(),
    })
}

/// Moves money between two accounts that are no miner's.
pub fn move_funds(from: Account, to: Account, amount_atomic: u64) -> Body {
    Body::MoveFunds(MoveFunds {
        from: from.into(),
        to: to.into(),
        miner: String::new(),
        amount_atomic,
        reason: "test".into(),
    })
}

/// Lets miners of an address authorize with a token, whatever their worker and the time.
pub fn make_token(miner: &str, token: &str) -> Body {
    Body::MakeToken(MakeToken {
        miner: miner.into(),
        token_hash: token_hash(token).to_vec(),
        label: "test".into(),
        reason: "test".into(),
        ..MakeToken::default()
    })
}

/// Ends a token.
pub fn revoke_token(miner: &str, token: &str) -> Body {
    Body::RevokeToken(RevokeToken {
        miner: miner.into(),
        token_id: token_id(&token_hash(token)).to_vec(),
        reason: "test".into(),
    })
}

/// Sets whether an address requires a token.
pub fn require_token(miner: &str, is_required: bool) -> Body {
    Body::RequireToken(RequireToken {
        miner: miner.into(),
        is_required,
        reason: "test".into(),
    })
}

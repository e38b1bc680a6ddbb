//! The words of the stories about the rules of payouts: approvals, holds, preferences, limits.

use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    AbandonPayout, ApprovePayout, ExecutedSpend, HoldAddress, NetworkFeePayer, PaidTo,
    ReconcilePayouts, RejectPayout, SetMinerPreferences, Settings,
};

use super::{Result, Words, number};

/// The command of a line; none when the verb is none of these.
pub(super) fn command(verb: &str, words: &Words<'_>) -> Option<Result<Body>> {
    let is_known = [
        "approve",
        "reject",
        "abandon",
        "reconcile",
        "hold",
        "unhold",
        "prefer",
    ]
    .contains(&verb);
    is_known.then(|| build(verb, words))
}

fn build(verb: &str, words: &Words<'_>) -> Result<Body> {
    let payout_id = words.number("id", 1)?;
    let reason = words.text("reason", "looked-at").to_owned();
    Ok(match verb {
        "approve" => Body::ApprovePayout(ApprovePayout { payout_id, reason }),
        "reject" => Body::RejectPayout(RejectPayout { payout_id, reason }),
        "abandon" => Body::AbandonPayout(AbandonPayout {
            payout_id,
            reason,
            keeps_nonce: words.number("keeps", 0)? > 0,
        }),
        // The transaction's name and the payees, or nothing but the end.
        "reconcile" => Body::ReconcilePayouts(ReconcilePayouts {
            spend: match words.name(0) {
                Ok(tx) => Some(ExecutedSpend {
                    nonce: words.number("nonce", 0)?,
                    tx_hash: super::hash(tx),
                    fee_atomic: words.number("fee", 0)?,
                    block_hash: super::hash("executor"),
                    topoheight: words.number("topoheight", 1)?,
                    payees: paid_to(words)?,
                }),
                Err(_) => None,
            },
            is_complete: words.number("complete", 0)? > 0,
            stable_height: words.number("stable", 0)?,
            reason,
        }),
        "prefer" => Body::SetMinerPreferences(SetMinerPreferences {
            miner: words.name(0)?.into(),
            payout_threshold_atomic: words.number("threshold", 0)?,
            scheme: words.scheme()?,
            reason,
        }),
        _ => Body::HoldAddress(HoldAddress {
            miner: words.name(0)?.into(),
            is_held: verb == "hold",
            reason,
        }),
    })
}

/// Whom a transaction paid how much: `address:amount`.
fn paid_to(words: &Words<'_>) -> Result<Vec<PaidTo>> {
    let paid = |word: &&str| {
        let (address, amount) = word.split_once(':').ok_or("want address:amount")?;
        Ok(PaidTo {
            address: address.into(),
            amount_atomic: number(amount)?,
        })
    };
    words.names.iter().skip(1).map(paid).collect()
}

/// The settings among a line's words that are about payouts.
pub(super) fn set(settings: &mut Settings, words: &Words<'_>) -> Result<()> {
    settings.payout_daily_limit_atomic = words.number("daily", 0)?;
    let above = words.fields.get("approval");
    settings.payout_approval_above_atomic = above.map(|text| number(text)).transpose()?;
    let payer = match words.text("payer", "miners") {
        "pool" => NetworkFeePayer::Pool,
        _ => NetworkFeePayer::Miners,
    };
    settings.network_fee_payer = payer.into();
    Ok(())
}

//! Storing a signed transaction, before anyone may send it.

use raftpool_proto::ledger as row;

use super::{approval, check_not_paused, check_term, open, sums};
use crate::apply::Stop;
use crate::blocks::check_hash;
use crate::books::Books;
use crate::command::SignPayout;
use crate::record::damaged;
use crate::settings::invalid;
use crate::terms::check_not_held;
use crate::{Outcome, key};

/// Largest transaction the chain takes.
pub const TX_BYTES_MAX: usize = 1_048_576;

/// Most variants of a payout. Each takes a permanent refusal by the chain to come about, so that
/// reaching this means that something is wrong which no further variant will cure.
pub const VARIANTS_MAX: u32 = 64;

/// Appends a variant; one that is stored already is answered like the first time.
pub(crate) fn sign(books: &mut Books<'_>, command: &SignPayout) -> Result<Outcome, Stop> {
    check_term(books, command.term)?;
    let mut payout = open(books, command.payout_id)?;
    check_hash("tx_hash", &command.tx_hash)?;
    if command.tx.is_empty() || command.tx.len() > TX_BYTES_MAX {
        return Err(invalid("tx", "must be 1 to 1048576 bytes long").into());
    }
    let variant = row::Variant {
        tx_hash: command.tx_hash.clone(),
        tx: command.tx.clone(),
        fee_atomic: command.fee_atomic,
        reference_topoheight: command.reference_topoheight,
    };
    if let Some(owner) = books.get::<row::Reference>(&key::variant_owner(&command.tx_hash))? {
        return check_repeated(books, &payout, &variant, owner.number);
    }
    check_not_paused(books)?;
    approval::check(&payout)?;
    // Once something is signed it may have been sent: then the payout must come to its end.
    if payout.variants == 0 {
        for payee in &payout.payees {
            check_not_held(books, &payee.address)?;
        }
    }
    let fee_budget = sums(&payout).fee_budget;
    if command.fee_atomic > fee_budget {
        let problem = format!("must be at most the payout's fee budget, {fee_budget}");
        return Err(invalid("fee_atomic", problem).into());
    }
    if payout.variants >= VARIANTS_MAX {
        return Err(invalid("payout_id", "has 64 variants, the most a payout may have").into());
    }
    books.put(key::variant(payout.id, payout.variants), &variant);
    books.put(
        key::variant_owner(&command.tx_hash),
        &row::Reference { number: payout.id },
    );
    payout.variants += 1;
    books.put(key::payout(payout.id), &payout);
    Ok(Outcome::PayoutSigned)
}

/// L6: a hash names one transaction of one payout.
fn check_repeated(
    books: &Books<'_>,
    payout: &row::Payout,
    variant: &row::Variant,
    owner: u64,
) -> Result<Outcome, Stop> {
    if owner != payout.id {
        return Err(invalid("tx_hash", format!("belongs to payout {owner}")).into());
    }
    match find_variant(books, payout, &variant.tx_hash)? {
        Some(known) if known == *variant => Ok(Outcome::PayoutSigned),
        Some(_) => Err(invalid("tx", "differs from the variant stored under its hash").into()),
        None => Err(damaged("owner of a variant").into()),
    }
}

/// The payout's variant of that hash.
pub(super) fn find_variant(
    books: &Books<'_>,
    payout: &row::Payout,
    tx_hash: &[u8],
) -> Result<Option<row::Variant>, Stop> {
    for number in 0..payout.variants {
        let variant: Option<row::Variant> = books.get(&key::variant(payout.id, number))?;
        let variant = variant.ok_or_else(|| damaged("variant"))?;
        if variant.tx_hash == tx_hash {
            return Ok(Some(variant));
        }
    }
    Ok(None)
}

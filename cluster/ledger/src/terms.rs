//! What one miner is paid by: its own preferences, and whether it is held.
//!
//! A threshold of one's own is never below the pool's: a lower one is refused, and when the pool's
//! is raised later the higher one counts. A held address goes on to earn and is no payee.
//!
//! Who may be paid is found by an index of balances. Miners with a threshold of their own are in
//! an index of their own, and only while their balance reaches it; held ones are in none. So a
//! look for the next payees never walks over miners that are not to be paid.

use raftpool_proto::ledger as row;

use crate::apply::Stop;
use crate::books::Books;
use crate::command::{HoldAddress, Scheme, SetMinerPreferences, Settings};
use crate::invariant::MAX_SUPPLY_ATOMIC;
use crate::key::{self, Key};
use crate::settings::{audit, check_address, check_reason, invalid, is_offered};
use crate::view::scheme_name;
use crate::{Outcome, Rejection};

/// In place of a threshold: no balance is enough.
const NEVER: u64 = u64::MAX;

/// Sets a miner's preferences, the whole set.
pub(crate) fn prefer(
    books: &mut Books<'_>,
    settings: &Settings,
    command: &SetMinerPreferences,
) -> Result<Outcome, Stop> {
    let miner = &command.miner;
    check_reason(&command.reason)?;
    check_known(books, miner)?;
    check_threshold(settings, command.payout_threshold_atomic)?;
    check_scheme(settings, command.scheme)?;
    let own = key::preferences(miner);
    if command.payout_threshold_atomic == 0 && command.scheme() == Scheme::Unspecified {
        books.delete(own);
    } else {
        let preferences = row::MinerPreferences {
            payout_threshold_atomic: command.payout_threshold_atomic,
            scheme: command.scheme,
            changed_at_ms: books.time_ms,
            author: books.author.to_owned(),
        };
        books.put(own, &preferences);
    }
    list_anew(books, miner)?;
    let change = row::audit::Change::PreferencesSet(command.clone());
    audit(books, &command.reason, change);
    Ok(Outcome::PreferencesSet)
}

/// Keeps an address from being paid, or lets it be paid again. A payout that is reserved for it
/// already is not signed any more, and released by the leader; one that is signed is paid.
pub(crate) fn hold(books: &mut Books<'_>, command: &HoldAddress) -> Result<Outcome, Stop> {
    let miner = &command.miner;
    check_reason(&command.reason)?;
    check_known(books, miner)?;
    let own = key::hold(miner);
    if command.is_held {
        let hold = row::Hold {
            reason: command.reason.clone(),
            since_ms: books.time_ms,
            author: books.author.to_owned(),
        };
        books.put(own, &hold);
    } else {
        books.delete(own);
    }
    list_anew(books, miner)?;
    let change = row::audit::Change::AddressHeld(command.clone());
    audit(books, &command.reason, change);
    Ok(Outcome::HoldSet)
}

/// Refuses a payee that is held.
pub(crate) fn check_not_held(books: &Books<'_>, miner: &str) -> Result<(), Stop> {
    match books.get::<row::Hold>(&key::hold(miner))? {
        None => Ok(()),
        Some(_) => Err(Rejection::AddressHeld(miner.to_owned()).into()),
    }
}

/// The scheme that is set for a miner, while it is offered.
pub(crate) fn preferred_scheme(
    books: &Books<'_>,
    settings: &Settings,
    miner: &str,
) -> Result<Option<Scheme>, Stop> {
    let preferences: row::MinerPreferences = books.get_or_default(&key::preferences(miner))?;
    Ok(offered_scheme(&preferences, settings))
}

fn offered_scheme(preferences: &row::MinerPreferences, settings: &Settings) -> Option<Scheme> {
    let scheme = preferences.scheme();
    is_offered(settings, scheme).then_some(scheme)
}

/// The preferred scheme while it is offered, else the pool's default.
pub(crate) fn scheme_in_force(preferences: &row::MinerPreferences, settings: &Settings) -> Scheme {
    offered_scheme(preferences, settings).unwrap_or(settings.default_scheme())
}

/// Where a miner is found when payees are looked for; nowhere when it is not to be paid, whatever
/// the pool's threshold.
pub(crate) fn listing(address: &str, miner: &row::Miner) -> Option<Key> {
    let balance = miner.balance_atomic;
    match miner.payable_from_atomic {
        _ if balance == 0 => None,
        NEVER => None,
        0 => Some(key::balance(balance, address)),
        threshold if balance < threshold => None,
        _ => Some(key::own_balance(balance, address)),
    }
}

/// What a miner's record must say of its threshold.
pub(crate) fn payable_from(preferences: &row::MinerPreferences, is_held: bool) -> u64 {
    match is_held {
        true => NEVER,
        false => preferences.payout_threshold_atomic,
    }
}

/// Brings the miner's record, and with it the index, in line with its preferences and its hold.
fn list_anew(books: &mut Books<'_>, miner: &str) -> Result<(), Stop> {
    let preferences: row::MinerPreferences = books.get_or_default(&key::preferences(miner))?;
    let is_held = books.get::<row::Hold>(&key::hold(miner))?.is_some();
    let mut open = books.open_miner(miner)?;
    open.miner.payable_from_atomic = payable_from(&preferences, is_held);
    books.close_miner(open)
}

/// Only miners with accepted work, so that a misspelt address is refused instead of remembered.
pub(crate) fn check_known(books: &Books<'_>, miner: &str) -> Result<(), Stop> {
    check_address("miner", miner)?;
    match books.get::<row::Miner>(&key::miner(miner))? {
        Some(_) => Ok(()),
        None => Err(Rejection::UnknownMiner(miner.to_owned()).into()),
    }
}

fn check_threshold(settings: &Settings, threshold_atomic: u64) -> Result<(), Rejection> {
    let least = settings.payout_threshold_atomic;
    if threshold_atomic == 0 || (least..=MAX_SUPPLY_ATOMIC).contains(&threshold_atomic) {
        return Ok(());
    }
    let problem = format!(
        "must be at least the pool's, which is {least}, and at most {MAX_SUPPLY_ATOMIC}; or 0 for \
         the pool's"
    );
    Err(invalid("payout_threshold_atomic", problem))
}

fn check_scheme(settings: &Settings, scheme: i32) -> Result<(), Rejection> {
    match Scheme::try_from(scheme) {
        Ok(Scheme::Unspecified) => Ok(()),
        Ok(scheme) if is_offered(settings, scheme) => Ok(()),
        Ok(scheme) => Err(Rejection::SchemeNotOffered(scheme_name(scheme))),
        Err(_) => Err(invalid("scheme", "is unknown to this program")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::command::Body;
    use crate::state::{MemoryState, Overlay};
    use crate::testing::{change_settings, credit_shares, sample_settings, sample_share};
    use crate::{EntryContext, apply, compose};

    fn prefer(scheme: Scheme) -> Body {
        Body::SetMinerPreferences(SetMinerPreferences {
            miner: "a".into(),
            payout_threshold_atomic: 0,
            scheme: scheme.into(),
            reason: "test".into(),
        })
    }

    fn preferred(state: &Overlay<'_>) -> Option<Scheme> {
        let entry = EntryContext { index: 99, term: 1 };
        let books = Books::new(state, entry, 0, "test");
        let settings: Settings = books.get_or_default(&key::settings()).unwrap();
        preferred_scheme(&books, &settings, "a").unwrap()
    }

    #[test]
    fn a_preferred_scheme_counts_while_it_is_offered() {
        let base = MemoryState::default();
        let mut state = Overlay::new(&base);
        let mut index = 0;
        let mut run = |state: &mut Overlay<'_>, body| {
            index += 1;
            let entry = EntryContext { index, term: 1 };
            apply(state, entry, &compose("test", 1, body)).unwrap()
        };
        run(&mut state, change_settings(sample_settings()));
        run(
            &mut state,
            credit_shares(1, vec![sample_share("a", 1, 100)]),
        );
        assert_eq!(preferred(&state), None);
        let outcome = run(&mut state, prefer(Scheme::Solo));
        assert_eq!(outcome, Outcome::PreferencesSet);
        assert_eq!(preferred(&state), Some(Scheme::Solo));
        let without = Settings {
            solo_offered: false,
            ..sample_settings()
        };
        run(&mut state, change_settings(without));
        assert_eq!(preferred(&state), None);
        let refused = Outcome::Rejected(Rejection::SchemeNotOffered("solo"));
        assert_eq!(run(&mut state, prefer(Scheme::Solo)), refused);
    }
}

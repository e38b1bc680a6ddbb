//! The rules of payouts in the naive model: who is held, who wants what, and what a day took.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::command::{
    ChangeByOwner, HoldAddress, NetworkFeePayer, Payee, ReservePayout, Scheme, SetMinerPreferences,
    Settings,
};
use raftpool_ledger::view::LedgerView;

use super::owners::Owners;

const DAY_MS: u64 = 86_400_000;

/// What the books hold beside money.
#[derive(Default)]
pub struct Rules {
    held: BTreeSet<String>,
    /// Threshold and scheme by address.
    preferences: BTreeMap<String, (u64, Scheme)>,
    /// Debits by day, without what was released on it.
    days: BTreeMap<u64, u64>,
    pub owners: Owners,
}

impl Rules {
    pub fn hold(&mut self, command: &HoldAddress, is_known: bool) -> Option<String> {
        if !is_known || command.reason.is_empty() {
            return None;
        }
        match command.is_held {
            true => self.held.insert(command.miner.clone()),
            false => self.held.remove(&command.miner),
        };
        Some("HoldSet".into())
    }

    pub fn prefer(
        &mut self,
        command: &SetMinerPreferences,
        is_known: bool,
        settings: &Settings,
    ) -> Option<String> {
        let threshold = command.payout_threshold_atomic;
        let is_offered = match Scheme::try_from(command.scheme).ok()? {
            Scheme::Unspecified | Scheme::Pplns => true,
            Scheme::Solo => settings.solo_offered,
            Scheme::Pps => settings.pps_offered,
            Scheme::Fpps => settings.fpps_offered,
        };
        let is_low = threshold > 0 && threshold < settings.payout_threshold_atomic;
        if !is_known || is_low || !is_offered {
            return None;
        }
        let wanted = (threshold, command.scheme());
        self.preferences.insert(command.miner.clone(), wanted);
        Some("PreferencesSet".into())
    }

    /// What owners asked for of it; what they did not name stays.
    pub fn change(
        &mut self,
        command: &ChangeByOwner,
        is_known: bool,
        settings: &Settings,
        now_ms: u64,
    ) -> Option<String> {
        if !self.owners.may_change(command, now_ms) {
            return None;
        }
        if command.payout_threshold_atomic.is_some() || command.scheme.is_some() {
            let own = self.preferences.get(&command.miner).copied();
            let (threshold, scheme) = own.unwrap_or_default();
            let preferences = SetMinerPreferences {
                miner: command.miner.clone(),
                payout_threshold_atomic: command.payout_threshold_atomic.unwrap_or(threshold),
                scheme: command.scheme.unwrap_or(scheme.into()),
                reason: "by the owner".into(),
            };
            self.prefer(&preferences, is_known, settings)?;
        }
        self.owners.hide(command);
        Some("ChangedByOwner".into())
    }

    /// The scheme of shares that name none.
    pub fn scheme(&self, miner: &str, listener: Scheme, settings: &Settings) -> Scheme {
        let own = self.preferences.get(miner).map(|(_, scheme)| *scheme);
        for scheme in [own.unwrap_or_default(), listener] {
            let is_offered = match scheme {
                Scheme::Unspecified => false,
                Scheme::Pplns => settings.pplns_offered,
                Scheme::Solo => settings.solo_offered,
                Scheme::Pps => settings.pps_offered,
                Scheme::Fpps => settings.fpps_offered,
            };
            if is_offered {
                return scheme;
            }
        }
        settings.default_scheme()
    }

    /// Whether a reservation fits, as far as money in single accounts does not say so.
    pub fn allow(
        &self,
        command: &ReservePayout,
        settings: &Settings,
        now_ms: u64,
        pool_fees: u64,
    ) -> bool {
        let debits: u128 = command
            .payees
            .iter()
            .map(|p| u128::from(p.debit_atomic))
            .sum();
        let limit = u128::from(settings.payout_daily_limit_atomic);
        let is_within = limit == 0 || u128::from(self.taken(now_ms)) + debits <= limit;
        let fits = match settings.network_fee_payer() {
            NetworkFeePayer::Miners => command.pool_fee_budget_atomic == 0,
            NetworkFeePayer::Pool => {
                let bears_nothing = |p: &Payee| p.debit_atomic == p.transfer_atomic;
                command.pool_fee_budget_atomic <= pool_fees
                    && command.payees.iter().all(bears_nothing)
            }
        };
        is_within && fits && !self.is_any_held(&command.payees)
    }

    pub fn is_any_held(&self, payees: &[Payee]) -> bool {
        payees
            .iter()
            .any(|payee| self.held.contains(&payee.address))
    }

    pub fn take(&mut self, now_ms: u64, debits: u64) {
        *self.days.entry(now_ms / DAY_MS).or_default() += debits;
    }

    pub fn give_back(&mut self, reserved_at_ms: u64, debits: u64) {
        *self.days.entry(reserved_at_ms / DAY_MS).or_default() -= debits;
    }

    fn taken(&self, now_ms: u64) -> u64 {
        self.days.get(&(now_ms / DAY_MS)).copied().unwrap_or(0)
    }

    /// Whether a miner with this balance may be paid when the pool's threshold is 1.
    pub fn is_payable(&self, address: &str, balance: u64) -> bool {
        let own = self.preferences.get(address).map_or(0, |(own, _)| *own);
        balance > 0 && balance >= own && !self.held.contains(address)
    }

    /// Everything this knows against what the read model answers.
    pub fn compare(&self, view: &LedgerView<'_>, now_ms: u64) {
        let held = view.holds(None, 1_000).unwrap();
        let held: BTreeSet<_> = held.into_iter().map(|hold| hold.miner).collect();
        assert_eq!(held, self.held);
        for (address, (threshold, scheme)) in &self.preferences {
            let terms = view.terms(address).unwrap();
            assert_eq!(
                (terms.own_threshold_atomic, terms.own_scheme),
                (*threshold, *scheme)
            );
        }
        self.owners.compare(view);
        let taken = view.payouts_taken_on_day_of(now_ms).unwrap();
        assert_eq!(taken, self.taken(now_ms));
    }
}

fn miner() -> impl Strategy<Value = String> {
    (0_usize..5).prop_map(|number| ["a", "ab", "b", "c", "nobody"][number].to_owned())
}

/// Holds and preferences.
pub fn commands() -> impl Strategy<Value = Body> {
    let threshold = prop_oneof![Just(0), 900_u64..60_000];
    prop_oneof![
        2 => (miner(), prop::bool::weighted(0.25)).prop_map(|(miner, is_held)| {
            let reason = "test".into();
            Body::HoldAddress(HoldAddress { miner, is_held, reason })
        }),
        3 => (miner(), threshold, 0_i32..6).prop_map(|(miner, payout_threshold_atomic, scheme)| {
            Body::SetMinerPreferences(SetMinerPreferences {
                miner,
                payout_threshold_atomic,
                scheme,
                reason: "test".into(),
            })
        }),
    ]
}

/// Changes the settings that are about payouts; mostly to none of these rules.
pub fn settings() -> impl Strategy<Value = Settings> {
    let limit = prop_oneof![2 => Just(0_u64), 1 => 5_000_u64..100_000];
    let above = prop_oneof![1 => Just(None), 1 => (0_u64..3_000).prop_map(Some)];
    (limit, above, 0_i32..2).prop_map(|(limit, above, payer)| Settings {
        payout_daily_limit_atomic: limit,
        payout_approval_above_atomic: above,
        network_fee_payer: payer,
        ..Settings::default()
    })
}

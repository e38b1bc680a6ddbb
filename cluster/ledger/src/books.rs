//! The working layer of one command: typed records over the state, thrown away when the command
//! is refused.

use raftpool_proto::ledger as row;

use crate::apply::{EntryContext, Stop};
use crate::arithmetic::{add, take};
use crate::key::Key;
use crate::record::{self, Record};
use crate::state::{Changes, Overlay};
use crate::{StateError, StateRead};
use crate::{invariant, key};

pub(crate) struct Books<'a> {
    state: Overlay<'a>,
    /// Where the command stands in the log.
    pub(crate) entry: EntryContext,
    /// The ledger's time at this command.
    pub(crate) time_ms: u64,
    /// Who asked for it.
    pub(crate) author: &'a str,
}

impl<'a> Books<'a> {
    pub(crate) fn new(
        base: &'a dyn StateRead,
        entry: EntryContext,
        time_ms: u64,
        author: &'a str,
    ) -> Self {
        Self {
            state: Overlay::new(base),
            entry,
            time_ms,
            author,
        }
    }

    /// The state as this command has changed it so far.
    pub(crate) fn state(&self) -> &dyn StateRead {
        &self.state
    }

    pub(crate) fn get<R: Record>(&self, key: &[u8]) -> Result<Option<R>, StateError> {
        record::load(&self.state, key)
    }

    pub(crate) fn get_or_default<R: Record>(&self, key: &[u8]) -> Result<R, StateError> {
        Ok(self.get(key)?.unwrap_or_default())
    }

    pub(crate) fn put<R: Record>(&mut self, key: Key, record: &R) {
        self.state.put(key, record.encode_to_vec());
    }

    /// Puts a key that says everything by itself.
    pub(crate) fn put_mark(&mut self, key: Key) {
        self.state.put(key, Vec::new());
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.state.delete(key);
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.state.into_changes()
    }

    /// Changes one record, which is made when it is missing.
    pub(crate) fn change<R: Record, T>(
        &mut self,
        key: Key,
        change: impl FnOnce(&mut R) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut record = self.get_or_default(&key)?;
        let result = change(&mut record)?;
        self.put(key, &record);
        Ok(result)
    }

    /// Changes a miner, which is made when it is new.
    pub(crate) fn change_miner(
        &mut self,
        address: &str,
        change: impl FnOnce(&mut row::Miner) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut open = self.open_miner(address)?;
        change(&mut open.miner)?;
        self.close_miner(address, &open)
    }

    pub(crate) fn open_miner(&self, address: &str) -> Result<OpenMiner, Stop> {
        let known: Option<row::Miner> = self.get(&key::miner(address))?;
        let is_new = known.is_none();
        let miner = known.unwrap_or_default();
        Ok(OpenMiner {
            balance_before: miner.balance_atomic,
            miner,
            is_new,
        })
    }

    /// Stores a changed miner, counts a new one, and keeps the index of balances.
    pub(crate) fn close_miner(&mut self, address: &str, open: &OpenMiner) -> Result<(), Stop> {
        let OpenMiner {
            miner,
            balance_before,
            is_new,
        } = open;
        invariant::check_miner(address, miner)?;
        if *is_new {
            self.change(key::totals(), |totals: &mut row::Totals| {
                totals.miners = add(totals.miners, 1, "number of miners")?;
                Ok(())
            })?;
        }
        if *balance_before != miner.balance_atomic {
            if *balance_before > 0 {
                self.delete(key::balance(*balance_before, address));
            }
            if miner.balance_atomic > 0 {
                self.put_mark(key::balance(miner.balance_atomic, address));
            }
        }
        self.put(key::miner(address), miner);
        Ok(())
    }

    /// Moves money between accounts.
    pub(crate) fn post(&mut self, postings: &[Posting]) -> Result<(), Stop> {
        self.change(key::accounts(), |accounts| {
            for posting in postings {
                posting.post(accounts)?;
            }
            Ok(())
        })
    }
}

/// A miner that is being changed.
pub(crate) struct OpenMiner {
    pub(crate) miner: row::Miner,
    balance_before: u64,
    is_new: bool,
}

/// One movement of money; what it takes and what it gives are the same amount.
pub(crate) enum Posting {
    /// A block's amount that went to miners.
    IncomeToBalances(u64),
    /// A block's amount that the pool keeps as its fee.
    IncomeToPoolFees(u64),
    /// A block's amount that no division could give to anyone.
    IncomeToRounding(u64),
    /// Reserved for a payout.
    BalancesToInFlight(u64),
    /// Given back from a payout.
    InFlightToBalances(u64),
    /// Transferred.
    InFlightToPaid(u64),
    /// Paid to the network for a transfer.
    InFlightToNetworkFees(u64),
    /// Left over when an unused fee budget is given back.
    InFlightToRounding(u64),
}

impl Posting {
    fn post(&self, accounts: &mut row::Accounts) -> Result<(), Stop> {
        let a = accounts;
        match *self {
            Self::IncomeToBalances(amount) => {
                give(&mut a.income_atomic, amount)?;
                give(&mut a.balances_atomic, amount)?;
            }
            Self::IncomeToPoolFees(amount) => {
                give(&mut a.income_atomic, amount)?;
                give(&mut a.pool_fees_atomic, amount)?;
            }
            Self::IncomeToRounding(amount) => {
                give(&mut a.income_atomic, amount)?;
                give(&mut a.rounding_atomic, amount)?;
            }
            Self::BalancesToInFlight(amount) => {
                shift(&mut a.balances_atomic, &mut a.in_flight_atomic, amount)?;
            }
            Self::InFlightToBalances(amount) => {
                shift(&mut a.in_flight_atomic, &mut a.balances_atomic, amount)?;
            }
            Self::InFlightToPaid(amount) => {
                shift(&mut a.in_flight_atomic, &mut a.paid_atomic, amount)?;
            }
            Self::InFlightToNetworkFees(amount) => {
                shift(&mut a.in_flight_atomic, &mut a.network_fees_atomic, amount)?;
            }
            Self::InFlightToRounding(amount) => {
                shift(&mut a.in_flight_atomic, &mut a.rounding_atomic, amount)?;
                give(&mut a.fee_rounding_atomic, amount)?;
            }
        }
        Ok(())
    }
}

/// Adds to one account.
pub(crate) fn give(account: &mut u64, amount: u64) -> Result<(), Stop> {
    *account = add(*account, amount, "an account")?;
    Ok(())
}

/// Moves between two accounts.
pub(crate) fn shift(from: &mut u64, to: &mut u64, amount: u64) -> Result<(), Stop> {
    *from = take(*from, amount, "an account")?;
    give(to, amount)
}

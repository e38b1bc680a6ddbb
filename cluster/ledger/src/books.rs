//! The working layer of one command: typed records over the state, thrown away when the command
//! is refused.

use raftpool_proto::ledger as row;

use crate::apply::{EntryContext, Stop};
use crate::arithmetic::add;
use crate::journal::Journal;
use crate::key::Key;
use crate::record::{self, Record, damaged};
use crate::state::{Changes, Overlay};
use crate::{StateError, StateRead};
use crate::{invariant, key, terms};

pub(crate) struct Books<'a> {
    state: Overlay<'a>,
    /// Where the command stands in the log.
    pub(crate) entry: EntryContext,
    /// The ledger's time at this command.
    pub(crate) time_ms: u64,
    /// Who asked for it.
    pub(crate) author: &'a str,
    /// The money this command moves.
    pub(crate) journal: Journal,
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
            journal: Journal::default(),
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

    /// A miner to be changed; a new one gets the next number.
    pub(crate) fn open_miner(&mut self, address: &str) -> Result<OpenMiner, Stop> {
        let known: Option<row::Miner> = self.get(&key::miner(address))?;
        let miner = match known {
            Some(miner) => miner,
            None => self.number_miner(address)?,
        };
        Ok(OpenMiner {
            address: address.to_owned(),
            listed_before: terms::listing(address, &miner),
            miner,
        })
    }

    /// The miner of this number, which is known.
    pub(crate) fn open_miner_of_number(&mut self, number: u64) -> Result<OpenMiner, Stop> {
        let known: Option<row::MinerNumber> = self.get(&key::miner_number(number))?;
        let address = known.ok_or_else(|| damaged("miner of a number"))?.address;
        self.open_miner(&address)
    }

    fn number_miner(&mut self, address: &str) -> Result<row::Miner, Stop> {
        let number = self.change(key::totals(), |totals: &mut row::Totals| {
            totals.miners = add(totals.miners, 1, "number of miners")?;
            Ok(totals.miners)
        })?;
        let address = address.to_owned();
        self.put(key::miner_number(number), &row::MinerNumber { address });
        Ok(row::Miner {
            number,
            ..row::Miner::default()
        })
    }

    /// Stores a changed miner, and keeps the index of balances.
    pub(crate) fn close_miner(&mut self, open: OpenMiner) -> Result<(), Stop> {
        let OpenMiner {
            address,
            miner,
            listed_before,
        } = open;
        invariant::check_miner(&address, &miner)?;
        let listed = terms::listing(&address, &miner);
        if listed_before != listed {
            if let Some(before) = listed_before {
                self.delete(before);
            }
            if let Some(now) = listed {
                self.put_mark(now);
            }
        }
        self.put(key::miner(&address), &miner);
        Ok(())
    }
}

/// A miner that is being changed.
pub(crate) struct OpenMiner {
    pub(crate) address: String,
    pub(crate) miner: row::Miner,
    /// Its key among those that may be paid.
    listed_before: Option<Key>,
}

//! Consistent reads of the state, beside the writer.

use std::ops::ControlFlow;
use std::sync::Arc;

use raftpool_ledger::state::Direction;
use raftpool_ledger::{StateError, StateRead};
use rocksdb::{ColumnFamily, IteratorMode, ReadOptions, Snapshot};
use tokio::sync::watch;

use super::checkpoint::Checkpoint;
use super::core::{APPLIED, StateCore};
use crate::database::{Database, family};
use crate::error::StoreError;
use crate::metrics::StateStatus;
use crate::record;

/// Reads the state as of one moment; never waits for the writer, nor makes it wait.
#[derive(Clone)]
pub struct StateReader {
    core: Arc<StateCore>,
}

impl StateReader {
    pub(super) fn new(core: Arc<StateCore>) -> Self {
        Self { core }
    }

    /// Runs `query` over the state of this moment and returns the index it was applied to;
    /// 0 when nothing was.
    ///
    /// # Errors
    /// When the state cannot be read, or the store is closed.
    pub fn read(
        &self,
        query: &mut dyn FnMut(&dyn StateRead) -> Result<(), StateError>,
    ) -> Result<u64, StateError> {
        let database = self.core.database().map_err(read_error)?;
        let snapshot = database.db().snapshot();
        let applied = snapshot.get_cf(database.family(family::META), APPLIED);
        let applied = applied.map_err(read_error)?;
        let applied = applied
            .map(|bytes| record::decode_log_id("applied position", &bytes))
            .transpose()
            .map_err(read_error)?;
        query(&StateView::new(&snapshot, &database))?;
        Ok(applied.map_or(0, |applied| applied.index()))
    }

    /// The newest applied index, as it rises.
    pub fn applied(&self) -> watch::Receiver<Option<u64>> {
        self.core.applied.subscribe()
    }

    /// Digests of the ledger at the newest multiples of 64 that were applied since the store was
    /// opened, oldest first; 256 at most.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.core.checkpoints.all()
    }

    /// The state's figures.
    pub fn status(&self) -> StateStatus {
        self.core.status()
    }
}

fn read_error(error: impl std::error::Error + Send + Sync + 'static) -> StateError {
    StateError::Read(Box::new(error))
}

/// The ledger's keys in a RocksDB snapshot.
pub(crate) struct StateView<'a> {
    snapshot: &'a Snapshot<'a>,
    ledger: &'a ColumnFamily,
}

impl<'a> StateView<'a> {
    pub(super) fn new(snapshot: &'a Snapshot<'a>, database: &'a Database) -> Self {
        Self::of(snapshot, database.family(family::LEDGER))
    }

    pub(crate) fn of(snapshot: &'a Snapshot<'a>, ledger: &'a ColumnFamily) -> Self {
        Self { snapshot, ledger }
    }
}

impl StateRead for StateView<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let value = self.snapshot.get_cf(self.ledger, key);
        value.map_err(|source| {
            read_error(StoreError::Read {
                what: "ledger",
                source,
            })
        })
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        if start >= end {
            return Ok(());
        }
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(start);
        options.set_iterate_upper_bound(end);
        let mode = match direction {
            Direction::Ascending => IteratorMode::Start,
            Direction::Descending => IteratorMode::End,
        };
        for pair in self.snapshot.iterator_cf_opt(self.ledger, options, mode) {
            let (key, value) = pair.map_err(|source| {
                read_error(StoreError::Read {
                    what: "ledger",
                    source,
                })
            })?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

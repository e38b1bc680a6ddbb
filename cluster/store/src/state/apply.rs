//! Folding a chunk of entries into the state.

use openraft::EntryPayload;
use prost::Message;
use raftpool_ledger::state::Overlay;
use raftpool_ledger::testing::spoil;
use raftpool_ledger::view::LedgerView;
use raftpool_ledger::{ApplyError, EntryContext, Outcome, StateError};
use rocksdb::WriteBatch;

use super::checkpoint::{Checkpoint, Checkpoints};
use super::core::{APPLIED, MEMBERSHIP, Position, StateCore};
use super::read::StateView;
use crate::database::{Database, family};
use crate::error::StoreError;
use crate::record;
use crate::types::{Entry, Response, StoredMembership};

impl StateCore {
    /// Applies entries in order and writes everything that follows from them in one batch.
    pub(crate) fn apply(&self, entries: &[Entry]) -> Result<Vec<Response>, StoreError> {
        self.fail_stop.check()?;
        let database = self.database()?;
        let snapshot = database.db().snapshot();
        let view = StateView::new(&snapshot, &database);
        let mut overlay = Overlay::new(&view);
        let mut position = self.position.lock().clone();
        let mut responses = Vec::with_capacity(entries.len());
        let mut checkpoints = Vec::new();
        for entry in entries {
            check_order(&position, entry)?;
            position.applied = Some(entry.log_id);
            responses.push(Response(apply_one(&mut overlay, &mut position, entry)?));
            let index = entry.log_id.index();
            self.spoil_if_asked(&mut overlay, index)?;
            if Checkpoints::is_due(index) {
                let digest = LedgerView::new(&overlay).digest();
                let digest = digest.map_err(|error| unreadable(index, error))?;
                checkpoints.push(Checkpoint { index, digest });
            }
        }
        let batch = batch_of(&database, overlay, &position);
        if let Some(fault) = &self.options.fault {
            fault
                .before_state_write()
                .map_err(StoreError::write("the state"))?;
        }
        database.write("the state", batch)?;
        let applied = position.applied.map(|applied| applied.index());
        *self.position.lock() = position;
        self.checkpoints.extend(checkpoints);
        self.applied.send_replace(applied);
        Ok(responses)
    }

    fn spoil_if_asked(&self, overlay: &mut Overlay<'_>, index: u64) -> Result<(), StoreError> {
        match &self.options.fault {
            Some(fault) if fault.spoils(index) => {
                spoil(overlay).map_err(|error| unreadable(index, error))
            }
            _ => Ok(()),
        }
    }
}

fn unreadable(index: u64, error: StateError) -> StoreError {
    let source = ApplyError::State(error);
    StoreError::Apply { index, source }
}

/// About how large an entry is in memory and in the batch, in bytes.
pub(super) fn size_of(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(proposal) => proposal.command().encoded_len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

/// Entries come in rising order, and a command directly after what was applied last: to skip one
/// would be to lose money without a word.
fn check_order(position: &Position, entry: &Entry) -> Result<(), StoreError> {
    let found = entry.log_id.index();
    let expected = position.applied.map_or(0, |applied| applied.index() + 1);
    let is_command = matches!(entry.payload, EntryPayload::Normal(_));
    if found < expected || (is_command && found != expected) {
        return Err(StoreError::NotContiguous { found, expected });
    }
    Ok(())
}

fn apply_one(
    overlay: &mut Overlay<'_>,
    position: &mut Position,
    entry: &Entry,
) -> Result<Outcome, StoreError> {
    match &entry.payload {
        EntryPayload::Blank => Ok(Outcome::Nothing),
        EntryPayload::Membership(membership) => {
            position.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
            Ok(Outcome::Nothing)
        }
        EntryPayload::Normal(proposal) => {
            let (index, term) = (
                entry.log_id.index(),
                entry.log_id.committed_leader_id().term,
            );
            raftpool_ledger::apply(overlay, EntryContext { index, term }, proposal.command())
                .map_err(|source| StoreError::Apply { index, source })
        }
    }
}

fn batch_of(database: &Database, overlay: Overlay<'_>, position: &Position) -> WriteBatch {
    let (ledger, meta) = (
        database.family(family::LEDGER),
        database.family(family::META),
    );
    let mut batch = WriteBatch::default();
    for (key, change) in overlay.into_changes() {
        match change {
            Some(value) => batch.put_cf(ledger, key, value),
            None => batch.delete_cf(ledger, key),
        }
    }
    if let Some(applied) = &position.applied {
        batch.put_cf(meta, APPLIED, record::encode_log_id(applied));
    }
    batch.put_cf(
        meta,
        MEMBERSHIP,
        record::encode_membership(&position.membership),
    );
    batch
}

//! The state store: the ledger, folded from the log, and the position it was folded to.
//!
//! A chunk of entries becomes one write batch that holds the ledger's changes, the applied
//! position and the membership together. It is not synced: after a crash the log applies again
//! what is missing.
//!
//! `state/` holds one directory per generation of the database and the file `CURRENT`, which
//! names the one in use. Installing a snapshot makes a new generation and replaces that file.

mod apply;

mod checkpoint;

mod core;

pub(crate) mod generation;

mod read;

use std::io;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine, Snapshot};

pub use self::checkpoint::Checkpoint;
pub(crate) use self::core::{CLUSTER, MEMBERSHIP, Position, StateCore};
pub use self::read::StateReader;
pub(crate) use self::read::StateView;
use crate::error::StoreError;
use crate::snapshot::{SnapshotBuilder, SnapshotFiles, SnapshotReceiver};
use crate::types::{Entry, LogId, SnapshotMeta, StoredMembership, TypeConfig};

/// Entries applied in one batch at most.
const CHUNK_ENTRIES_MAX: usize = 256;
/// Bytes of commands applied in one batch at most, one command aside.
const CHUNK_BYTES_MAX: usize = 4 << 20;

/// The state of one node. Clones share it; openraft is the only writer.
#[derive(Clone)]
pub struct StateStore {
    core: Arc<StateCore>,
}

impl StateStore {
    pub(crate) fn new(core: Arc<StateCore>) -> Self {
        Self { core }
    }

    /// Reads the state beside whoever writes it.
    pub fn reader(&self) -> StateReader {
        StateReader::new(self.core.clone())
    }

    /// Begins to receive a snapshot of another node, described by its manifest. Blocks, as do the
    /// receiver's methods. A failure concerns what is received, not this node's state.
    ///
    /// # Errors
    /// When the manifest is damaged or of another cluster, or no directory can be made.
    pub fn receive_snapshot(&self, manifest: &[u8]) -> Result<SnapshotReceiver, StoreError> {
        self.core.snapshots.receive(manifest)
    }

    pub(crate) fn core(&self) -> &StateCore {
        &self.core
    }

    /// Runs blocking work off the caller's thread; an error stops the store.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StateCore) -> Result<T, StoreError> + Send + 'static,
    ) -> io::Result<T> {
        let core = self.core.clone();
        let result = tokio::task::spawn_blocking(move || work(&core)).await;
        let result = result.map_err(|panic| {
            self.core.fail_stop.trip("a panic while writing the state");
            io::Error::other(panic)
        })?;
        Ok(self.core.fail_stop.trip_on_error(result)?)
    }
}

impl RaftStateMachine<TypeConfig> for StateStore {
    type SnapshotData = Arc<SnapshotFiles>;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let position = self.core.position.lock();
        Ok((position.applied, position.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        loop {
            let (chunk, responders) = next_chunk(&mut entries).await?;
            if chunk.is_empty() {
                return Ok(());
            }
            let responses = self.run(move |core| core.apply(&chunk)).await?;
            for (responder, response) in responders.into_iter().zip(responses) {
                if let Some(responder) = responder {
                    responder.send(response);
                }
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder::new(self.core.clone())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Arc<SnapshotFiles>,
    ) -> io::Result<()> {
        let meta = meta.clone();
        self.run(move |core| core.install(&meta, &snapshot)).await
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> io::Result<Option<openraft::alias::SnapshotOf<TypeConfig, Arc<SnapshotFiles>>>> {
        let newest = self.core.snapshots.newest();
        Ok(newest.map(|files| Snapshot {
            meta: files.meta().clone(),
            snapshot: files,
        }))
    }
}

/// The next entries to apply together; empty at the end of the stream.
async fn next_chunk<S>(
    entries: &mut S,
) -> io::Result<(Vec<Entry>, Vec<Option<ApplyResponder<TypeConfig>>>)>
where
    S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin,
{
    let (mut chunk, mut responders, mut bytes) = (Vec::new(), Vec::new(), 0);
    while chunk.len() < CHUNK_ENTRIES_MAX && bytes < CHUNK_BYTES_MAX {
        let Some(next) = entries.next().await else {
            break;
        };
        let (entry, responder) = next?;
        bytes += apply::size_of(&entry);
        chunk.push(entry);
        responders.push(responder);
    }
    Ok((chunk, responders))
}

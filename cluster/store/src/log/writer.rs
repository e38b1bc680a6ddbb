//! The two threads that write the log: one writes, in order, and one syncs.
//!
//! While an `fsync` runs, the writer goes on; the next `fsync` then covers everything that was
//! written meanwhile (group commit). Nothing is acknowledged before the `fsync` that covers it.

use std::io;
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use openraft::storage::IOFlushed;
use parking_lot::Mutex;
use rocksdb::WriteBatch;
use tokio::sync::oneshot;

use super::core::{COMMITTED, LogCore, PURGED, VOTE, key};
use crate::database::family;
use crate::error::StoreError;
use crate::types::TypeConfig;

/// An `fsync` that takes longer is worth a line in the operator's log.
const SLOW_SYNC: Duration = Duration::from_secs(1);

/// Tells the caller of an operation that it is durable, or why not.
pub(super) type Acknowledge = oneshot::Sender<io::Result<()>>;

/// One change of the log's database.
pub(super) enum Operation {
    Append {
        records: Vec<(u64, Vec<u8>)>,
        flushed: IOFlushed<TypeConfig>,
    },
    Vote {
        record: Vec<u8>,
        acknowledge: Acknowledge,
    },
    /// Removes entries; with a purged position, that is written in the same batch.
    Remove {
        indexes: Range<u64>,
        purged: Option<Vec<u8>>,
        acknowledge: Acknowledge,
    },
    Committed {
        record: Vec<u8>,
    },
    Stop,
}

/// What waits for the next `fsync`.
enum Pending {
    Append(IOFlushed<TypeConfig>),
    Other(Acknowledge),
}

impl Pending {
    fn complete(self, result: io::Result<()>) {
        match self {
            Self::Append(flushed) => flushed.io_completed(result),
            // Nobody waits any more: the caller was cancelled.
            Self::Other(acknowledge) => drop(acknowledge.send(result)),
        }
    }
}

/// The queue to the threads.
pub(super) struct Writer {
    queue: mpsc::Sender<Operation>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(core: Arc<LogCore>) -> Result<Self, StoreError> {
        let (queue, operations) = mpsc::channel();
        let (written, pending) = mpsc::channel();
        let sync_core = core.clone();
        let threads = vec![
            spawn("raft-log-sync", move || sync_loop(&sync_core, &pending))?,
            spawn("raft-log-writer", move || {
                write_loop(&core, &operations, &written)
            })?,
        ];
        Ok(Self {
            queue,
            threads: Mutex::new(threads),
        })
    }

    pub(super) fn send(&self, operation: Operation) -> Result<(), StoreError> {
        self.queue.send(operation).map_err(|_| StoreError::Closed)
    }

    pub(super) fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.queue.send(Operation::Stop);
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log has panicked");
            }
        }
    }
}

fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder
        .spawn(run)
        .map_err(|source| StoreError::Thread { name, source })
}

fn write_loop(
    core: &LogCore,
    operations: &mpsc::Receiver<Operation>,
    written: &mpsc::Sender<Pending>,
) {
    let _guard = PanicGuard(core);
    for operation in operations {
        let (batch, pending, next) = match operation {
            Operation::Stop => return,
            other => batch_of(core, other),
        };
        let result = core.fail_stop.check().and_then(|()| write(core, batch));
        let result = core.fail_stop.trip_on_error(result);
        if let Some(next) = next
            && result.is_ok()
        {
            core.index.lock().tail.written_below(next);
        }
        match (pending, result) {
            (None, _) => {}
            (Some(pending), Err(error)) => pending.complete(Err(error.into())),
            (Some(pending), Ok(())) => {
                if let Err(mpsc::SendError(pending)) = written.send(pending) {
                    pending.complete(Err(StoreError::Closed.into()));
                }
            }
        }
    }
}

/// The batch of an operation, who waits for it, and the end of the entries it writes.
fn batch_of(core: &LogCore, operation: Operation) -> (WriteBatch, Option<Pending>, Option<u64>) {
    let (log, meta) = (
        core.database.family(family::LOG),
        core.database.family(family::META),
    );
    let mut batch = WriteBatch::default();
    match operation {
        Operation::Append { records, flushed } => {
            for (index, record) in &records {
                batch.put_cf(log, key(*index), record);
            }
            let next = records.last().map(|(index, _)| index + 1);
            (batch, Some(Pending::Append(flushed)), next)
        }
        Operation::Vote {
            record,
            acknowledge,
        } => {
            batch.put_cf(meta, VOTE, record);
            (batch, Some(Pending::Other(acknowledge)), None)
        }
        Operation::Remove {
            indexes,
            purged,
            acknowledge,
        } => {
            if !indexes.is_empty() {
                batch.delete_range_cf(log, key(indexes.start), key(indexes.end));
            }
            if let Some(record) = purged {
                batch.put_cf(meta, PURGED, record);
            }
            (batch, Some(Pending::Other(acknowledge)), None)
        }
        Operation::Committed { record } => {
            batch.put_cf(meta, COMMITTED, record);
            (batch, None, None)
        }
        Operation::Stop => (batch, None, None),
    }
}

fn write(core: &LogCore, batch: WriteBatch) -> Result<(), StoreError> {
    if let Some(fault) = &core.fault {
        fault
            .before_log_write()
            .map_err(StoreError::write("the log"))?;
    }
    core.database.write("the log", batch)
}

fn sync_loop(core: &LogCore, pending: &mpsc::Receiver<Pending>) {
    let _guard = PanicGuard(core);
    while let Ok(first) = pending.recv() {
        // Taken before the sync begins: what is queued here was written before.
        let covered: Vec<_> = std::iter::once(first).chain(pending.try_iter()).collect();
        let result = core.fail_stop.check().and_then(|()| sync(core));
        // Tripped before anybody is told, so that whoever is told finds all doors shut.
        let result = core
            .fail_stop
            .trip_on_error(result)
            .map_err(|error| error.chain());
        for waiting in covered {
            waiting.complete(result.clone().map_err(io::Error::other));
        }
    }
}

fn sync(core: &LogCore) -> Result<(), StoreError> {
    core.metrics.sync_started();
    let result = match core.fault.as_ref().map(|fault| fault.before_log_sync()) {
        Some(Err(error)) => Err(StoreError::write("the write-ahead log (fsync)")(error)),
        _ => core.database.sync(),
    };
    let took = core.metrics.sync_ended();
    if took > SLOW_SYNC {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(took_ms, "the disk is slow: fsync of the log");
    }
    result
}

/// Stops the store when a thread panics: its queue would not be served any more.
struct PanicGuard<'a>(&'a LogCore);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail_stop.trip("a thread of the log has panicked");
        }
    }
}

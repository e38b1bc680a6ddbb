//! The data directory as a whole.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

use crate::database::{Claim, Database};
use crate::error::StoreError;
use crate::fail_stop::FailStop;
use crate::files::{self, DirectoryLock};
use crate::header;
use crate::log::LogStore;
use crate::options::StoreOptions;
use crate::snapshot::Snapshots;
use crate::state::{StateCore, StateReader, StateStore};

/// How long [`Store::close`] waits for readers to finish.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// An open data directory.
pub struct Store {
    log: LogStore,
    core: Arc<StateCore>,
    fail_stop: Arc<FailStop>,
    /// Ends when no database is open any more.
    released: Mutex<mpsc::Receiver<()>>,
}

impl Store {
    /// Opens a data directory, or makes a new one. Blocks.
    ///
    /// # Errors
    /// When the directory is in use, belongs to another node or cluster, was written by a newer
    /// program, or is damaged; each error says what was found and what to do.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let directory = &options.directory;
        files::create_directory(directory)?;
        let lock = Arc::new(DirectoryLock::acquire(directory)?);
        header::claim(directory, options.identity)?;
        let (open, released) = mpsc::channel(1);
        let claim = Claim {
            _lock: lock,
            _open: open,
        };
        let fail_stop = Arc::new(FailStop::new(options.on_fatal.clone()));

        let raft = directory.join("raft");
        files::create_directory(&raft)?;
        let raft = Database::open_raft(&raft, options, claim.clone())?;
        let log = LogStore::open(raft, options, fail_stop.clone())?;

        let state = directory.join("state");
        files::create_directory(&state)?;
        let snapshots = directory.join("snapshots");
        let snapshots = Snapshots::open(snapshots, options.identity, options.snapshots_kept)?;
        let core = StateCore::open(state, snapshots, options, claim, fail_stop.clone())?;
        Ok(Self {
            log,
            core: Arc::new(core),
            fail_stop,
            released: Mutex::new(released),
        })
    }

    /// The log, for openraft.
    pub fn log(&self) -> LogStore {
        self.log.clone()
    }

    /// The state, for openraft.
    pub fn state(&self) -> StateStore {
        StateStore::new(self.core.clone())
    }

    /// The state, for everyone else.
    pub fn reader(&self) -> StateReader {
        self.state().reader()
    }

    /// Whether and why the store has stopped.
    pub fn fail_stop(&self) -> &Arc<FailStop> {
        &self.fail_stop
    }

    /// Writes what is queued, ends the threads and lets go of both databases, so that the
    /// directory can be opened again when this returns. What openraft was given must have been
    /// dropped.
    ///
    /// # Errors
    /// [`StoreError::NotReleased`] when somebody still holds a database after a while.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self {
            log,
            core,
            released,
            ..
        } = self;
        let ended = tokio::task::spawn_blocking(move || {
            log.close();
            core.close();
        });
        if ended.await.is_err() {
            tracing::error!("closing the store panicked");
        }
        let mut released = released.lock().await;
        let waited_ms = RELEASE_TIMEOUT.as_millis() as u64;
        match tokio::time::timeout(RELEASE_TIMEOUT, released.recv()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::NotReleased { waited_ms }),
        }
    }
}

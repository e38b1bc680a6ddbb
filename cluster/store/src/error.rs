//! What can go wrong with the data directory.

use std::io;
use std::path::PathBuf;

/// An operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process, or another store of this one, has the directory open.
    #[error(
        "data directory {} is in use by another process: stop it first, or give this node a \
         directory of its own", path.display()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory was written by a newer program.
    #[error(
        "data directory {} has on-disk version {found}, this program knows versions up to \
         {supported}: run the newer program, or restore a backup made before the upgrade",
        path.display()
    )]
    NewerVersion {
        /// The data directory.
        path: PathBuf,
        /// Version of the directory.
        found: u32,
        /// Newest version this program reads.
        supported: u32,
    },
    /// A program from before the first release has written it.
    #[error(
        "{} holds data of version {found}, from before the first release, whose books have no \
         journal and cannot be carried over: begin with an empty directory",
        path.display()
    )]
    OlderVersion {
        /// The data directory.
        path: PathBuf,
        /// Version of the directory.
        found: u32,
    },
    /// The header cannot be understood.
    #[error(
        "header {} is damaged ({problem}): restore the file, or move the data directory away and \
         let the node be filled again", path.display()
    )]
    DamagedHeader {
        /// The header file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There are databases, but no header.
    #[error(
        "data directory {} has databases but no header {}: restore the file, or move the \
         directory away and let the node be filled again", directory.display(), header.display()
    )]
    MissingHeader {
        /// The data directory.
        directory: PathBuf,
        /// Where the header should be.
        header: PathBuf,
    },
    /// The directory belongs to another cluster.
    #[error(
        "data directory {} belongs to cluster {found}, this node to cluster {expected}: check \
         `data_directory`, or mount the right volume", path.display()
    )]
    WrongCluster {
        /// What was looked at.
        path: PathBuf,
        /// Cluster id found there, in hexadecimal.
        found: String,
        /// Cluster id of this node, in hexadecimal.
        expected: String,
    },
    /// The directory belongs to another node.
    #[error(
        "data directory {} belongs to node {found}, but this node is {expected}: check the node \
         id and `data_directory`; a node id is never taken over", path.display()
    )]
    WrongNode {
        /// What was looked at.
        path: PathBuf,
        /// Node id found there.
        found: u64,
        /// Node id of this process.
        expected: u64,
    },
    /// RocksDB refuses to open a database.
    #[error(
        "open database {}; a damaged one must be restored from a backup or moved away and filled \
         again by the cluster", path.display()
    )]
    OpenDatabase {
        /// Its directory.
        path: PathBuf,
        /// What RocksDB said.
        #[source]
        source: rocksdb::Error,
    },
    /// RocksDB could not read.
    #[error("read {what}")]
    Read {
        /// What was read.
        what: &'static str,
        /// What RocksDB said.
        #[source]
        source: rocksdb::Error,
    },
    /// RocksDB could not write, or a test made it so.
    #[error("write {what}")]
    Write {
        /// What was written.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored record does not pass its checks.
    #[error("stored {what} is damaged: {problem}")]
    Damaged {
        /// Which record.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Entries would leave a hole in the log, or come twice.
    #[error("log entry {found} does not follow, {expected} comes next")]
    NotContiguous {
        /// The index that was given.
        found: u64,
        /// The index that would follow.
        expected: u64,
    },
    /// The ledger could not apply an entry; this is not a refusal of the command.
    #[error("apply entry {index}")]
    Apply {
        /// Index of the entry.
        index: u64,
        /// What the ledger said.
        #[source]
        source: raftpool_ledger::ApplyError,
    },
    /// A snapshot cannot be used.
    #[error("snapshot {}: {problem}", path.display())]
    Snapshot {
        /// Its directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A backup cannot be made or used.
    #[error("backup {}: {problem}", path.display())]
    Backup {
        /// Its directory.
        path: PathBuf,
        /// What is wrong, and what to do about it.
        problem: String,
    },
    /// A backup is only restored into an empty directory.
    #[error(
        "data directory {} is not empty: a backup is only restored into an empty one; move what is \
         there away, it may be newer than the backup", path.display()
    )]
    NotEmpty {
        /// The data directory.
        path: PathBuf,
    },
    /// The node id was used in the cluster that the backup is of.
    #[error(
        "node ids are never used again, and the backup's cluster has used ids up to {used}: set \
         node.id, which is {node_id}, to {} or more", used + 1
    )]
    UsedNodeId {
        /// The id that was asked for.
        node_id: u64,
        /// The largest one that was used.
        used: u64,
    },
    /// The store failed earlier and does nothing any more.
    #[error("the store has stopped: {reason}")]
    Stopped {
        /// The first failure.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A thread could not be started.
    #[error("start thread {name}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody still uses the databases long after the store was closed.
    #[error("the databases are still in use {waited_ms} ms after the store was closed")]
    NotReleased {
        /// How long was waited.
        waited_ms: u64,
    },
}

impl StoreError {
    /// For `map_err` on file operations.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// For `map_err` on reads of a database.
    pub(crate) fn read(what: &'static str) -> impl FnOnce(rocksdb::Error) -> Self {
        move |source| Self::Read { what, source }
    }

    /// For `map_err` on writes of a database.
    pub(crate) fn write<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Write {
            what,
            source: source.into(),
        }
    }

    /// The error and its causes in one line, for those who can only take a text.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<StoreError> for io::Error {
    /// openraft prints only the outermost text, so the causes go into it.
    fn from(error: StoreError) -> Self {
        io::Error::other(error.chain())
    }
}

//! What is known of one connected miner outside the task that serves its socket: shares that are
//! being hashed or committed hold on to it, also when the socket is gone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use raftpool_ledger::command::{RejectReason, Scheme};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::dismissal::Dismissal;
use crate::duplicates::Judged;
use crate::gatekeeper::Pass;
use crate::jobs::Job;
use crate::listener::Terms;
use crate::places::Ticket;
use crate::protocol::{Id, Refusal};
use crate::standing::Standing;
use crate::strikes::Presence;
use crate::vardiff::Vardiff;

/// The answer to one share.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: Id,
    pub(crate) result: Result<(), Refusal>,
}

/// Who is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Canonical address text.
    pub(crate) address: Arc<str>,
    pub(crate) worker: Arc<str>,
    pub(crate) scheme: Scheme,
}

/// Who has come through which door, before it has said a word.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The miner's own address, not its proxy's.
    pub(crate) remote: SocketAddr,
    pub(crate) is_encrypted: bool,
    /// Of the listener it came through.
    pub(crate) terms: Arc<Terms>,
    pub(crate) ticket: Arc<Ticket>,
}

/// One connection.
pub(crate) struct Miner {
    pub(crate) id: u64,
    pub(crate) visitor: Visitor,
    /// What it speaks; set with its account.
    pub(crate) protocol: OnceLock<Protocol>,
    pub(crate) connected_at_ms: u64,
    pub(crate) extra_nonce: [u8; 32],
    pub(crate) agent: OnceLock<Box<str>>,
    pub(crate) account: OnceLock<Account>,
    /// What its account was let in with.
    pub(crate) pass: OnceLock<Pass>,
    /// Of its worker; there is one as soon as there is an account.
    pub(crate) standing: OnceLock<Arc<Standing>>,
    /// Whether it counts as one of its IP address's good miners.
    pub(crate) presence: Presence,
    /// Whether the ledger knows the worker. Reports about others are kept back, so that a
    /// stranger cannot fill the ledger with names (promise P9).
    pub(crate) is_known: AtomicBool,
    /// Difficulty of the newest job sent; 0 before the first.
    pub(crate) job_difficulty: AtomicU64,
    /// The difficulty the ledger was last told.
    pub(crate) reported_difficulty: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) rejects: Mutex<BTreeMap<RejectReason, u64>>,
    /// When its newest accepted share arrived; 0 before the first.
    pub(crate) last_share_at_ms: AtomicU64,
    /// Shares that are not answered yet.
    pub(crate) in_flight: AtomicUsize,
    pub(crate) judged: Mutex<Judged>,
    pub(crate) vardiff: Mutex<Option<Vardiff>>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl Miner {
    /// A new connection, and where the answers to its shares come out. The channel has no bound
    /// of its own: it never holds more than the shares in flight, which have one.
    pub(crate) fn new(
        id: u64,
        visitor: Visitor,
        connected_at_ms: u64,
        extra_nonce: [u8; 32],
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Answer>) {
        let (answers, receiver) = mpsc::unbounded_channel();
        let miner = Self {
            id,
            visitor,
            protocol: OnceLock::new(),
            connected_at_ms,
            extra_nonce,
            agent: OnceLock::new(),
            account: OnceLock::new(),
            pass: OnceLock::new(),
            standing: OnceLock::new(),
            presence: Presence::default(),
            is_known: AtomicBool::new(false),
            job_difficulty: AtomicU64::new(0),
            reported_difficulty: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            rejects: Mutex::default(),
            last_share_at_ms: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            judged: Mutex::new(Judged::default()),
            vardiff: Mutex::new(None),
            answers,
        };
        (Arc::new(miner), receiver)
    }

    /// Hands the answer to the task of the socket. It may be gone; the share's fate is the same.
    pub(crate) fn answer(&self, id: Id, result: Result<(), Refusal>) {
        let _ = self.answers.send(Answer { id, result });
    }

    /// What its shares of this job must meet, and are paid for; `None` until it is authorized. To
    /// be asked once for each job that is sent.
    pub(crate) fn difficulty_for(&self, job: &Job) -> Option<u64> {
        let mut vardiff = self.vardiff.lock();
        let vardiff = vardiff.as_mut()?;
        vardiff.applied(Instant::now());
        let difficulty = vardiff.difficulty().min(job.share_difficulty_max).max(1);
        self.job_difficulty.store(difficulty, Ordering::Relaxed);
        Some(difficulty)
    }

    /// Ends the connection.
    pub(crate) fn dismissal(&self) -> &Dismissal {
        &self.visitor.ticket.dismissal
    }

    /// Whether it works, and well. Anybody can say the name of a known worker.
    pub(crate) fn is_proven(&self) -> bool {
        self.accepted.load(Ordering::Relaxed) > 0 && self.is_trusted()
    }

    /// Whether nothing speaks against serving it before strangers.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
            && self
                .standing
                .get()
                .is_none_or(|standing| standing.is_trusted())
    }

    pub(crate) fn shares_in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// What the API shows; `None` until the miner is authorized.
    pub(crate) fn snapshot(&self) -> Option<SessionSnapshot> {
        let account = self.account.get()?;
        Some(SessionSnapshot {
            address: account.address.to_string(),
            worker: account.worker.to_string(),
            difficulty: self.job_difficulty.load(Ordering::Relaxed),
            remote: self.visitor.remote,
            is_encrypted: self.visitor.is_encrypted,
            protocol: self.protocol.get().copied().unwrap_or_default(),
            agent: self
                .agent
                .get()
                .map(|agent| agent.to_string())
                .unwrap_or_default(),
            connected_at_ms: self.connected_at_ms,
            accepted: self.accepted.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            rejects: self.rejects.lock().clone(),
            last_share_at_ms: self.last_share_at_ms.load(Ordering::Relaxed),
        })
    }
}

/// The dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Lines of JSON.
    #[default]
    Stratum,
    /// Lines of a word, a tilde and JSON.
    Xatum,
    /// The daemon's WebSocket.
    Getwork,
}

impl Protocol {
    /// Its name as the API and the configuration spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stratum => "stratum",
            Self::Xatum => "xatum",
            Self::Getwork => "getwork",
        }
    }
}

/// One authorized session at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSnapshot {
    /// Address that is paid.
    pub address: String,
    /// Name of the worker.
    pub worker: String,
    /// Difficulty of its newest job, in expected hashes; 0 before the first job.
    pub difficulty: u64,
    /// Where it connects from.
    pub remote: SocketAddr,
    /// Whether it came over TLS, as far as this node sees: a proxy may have undone it.
    pub is_encrypted: bool,
    /// What it speaks.
    pub protocol: Protocol,
    /// What its software calls itself.
    pub agent: String,
    /// Wall clock of this node when it connected, in milliseconds since the Unix epoch.
    pub connected_at_ms: u64,
    /// Shares of this session answered "accepted".
    pub accepted: u64,
    /// Shares of this session answered with an error.
    pub rejected: u64,
    /// The same by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// When its newest accepted share arrived, in milliseconds since the Unix epoch; 0 before the
    /// first.
    pub last_share_at_ms: u64,
}

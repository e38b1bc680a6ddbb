//! What one emulated miner knows while it is connected: its jobs, its shares without an answer,
//! and what it sends next. No I/O, whatever it speaks.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;

use tokio::time::Instant;

use super::chance::Chance;
use super::config::{LoadProtocol, Mix};
use super::jobs::Job;
use super::run::Shared;
use super::share::{Kind, Verdict};
use super::tally::record;
use super::wire::Lost;

/// Digits of the nonce in a work of the getwork dialect: bytes 40 to 47.
const NONCE_DIGITS: std::ops::Range<usize> = 80..96;

/// What a share can be made of: a job, and in getwork the work that only this miner has, in hex.
#[derive(Clone)]
struct Work {
    job: Arc<Job>,
    hex: Option<Box<str>>,
}

/// A share without an answer.
struct Open {
    id: u64,
    due: Instant,
    kind: Kind,
}

/// One connection of an emulated miner.
pub(super) struct Session {
    shared: Arc<Shared>,
    /// Which of the tallies it counts in, and which of the pools it is connected to.
    pub(super) shard: usize,
    pub(super) pool: usize,
    /// All its shares are below their difficulty.
    is_low: bool,
    pub(super) is_authorized: bool,
    newest: Option<Work>,
    /// Oldest first, from the one that a stale share is for; empty without stale shares.
    older: VecDeque<Work>,
    /// The last valid share, for sending it again.
    last: Option<(Work, u64)>,
    open: Vec<Open>,
    next_id: u64,
    next_nonce: u64,
    /// What the pool said last that was no answer: often why it closes.
    pub(super) last_words: Option<String>,
    /// To be written: answers to pings.
    pub(super) replies: Vec<u8>,
    messages_in: u64,
    jobs_in: u64,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, number: usize, pool: usize, nonce: u64) -> Self {
        Self {
            shard: number % shared.tallies.len(),
            is_low: number < shared.config.low_miners(),
            shared,
            pool,
            is_authorized: false,
            newest: None,
            older: VecDeque::new(),
            last: None,
            open: Vec::new(),
            next_id: 10,
            next_nonce: nonce,
            last_words: None,
            replies: Vec::new(),
            messages_in: 0,
            jobs_in: 0,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Authorized, with a job.
    pub(super) fn is_ready(&self) -> bool {
        self.is_authorized && self.newest.is_some()
    }

    /// Shares without an answer.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Counts a message of the pool.
    pub(super) fn heard(&mut self) {
        self.messages_in += 1;
    }

    /// The pool has sent a job; in getwork with this miner's own work, in hex.
    pub(super) fn job(&mut self, job: Arc<Job>, hex: Option<&str>, at: Instant) {
        self.jobs_in += 1;
        let before = self.newest.as_ref().map(|work| work.job.number);
        if before.is_some_and(|before| before < job.number) {
            job.arrived(at);
        }
        let work = Work {
            job,
            hex: hex.map(Into::into),
        };
        if self.shared.config.mix.stale > 0.0 && !self.is_low {
            let oldest = work
                .job
                .number
                .saturating_sub(self.shared.config.stale_age_jobs);
            self.older.push_back(work.clone());
            // What follows the one that is old enough is kept until it is so itself.
            while self
                .older
                .get(1)
                .is_some_and(|next| next.job.number <= oldest)
            {
                self.older.pop_front();
            }
        }
        self.newest = Some(work);
    }

    /// The pool has answered the share of this id; in getwork, which has none, the oldest.
    pub(super) fn answer(&mut self, id: Option<u64>, verdict: Verdict, at: Instant) {
        let index = match id {
            Some(id) => self.open.iter().position(|open| open.id == id),
            None => (!self.open.is_empty()).then_some(0),
        };
        let Some(index) = index else { return };
        let open = self.open.remove(index);
        let took = at.saturating_duration_since(open.due);
        let mut tally = self.shared.tallies[self.shard].lock();
        tally.answered(open.kind, verdict, took);
    }

    /// Makes the share that was due at `due`, as the message to be sent.
    pub(super) fn share(&mut self, due: Instant, chance: &mut Chance) -> Option<Vec<u8>> {
        let kind = self.choose(chance);
        self.next_id += 1;
        self.next_nonce = self.next_nonce.wrapping_add(1);
        let nonce = self.next_nonce;
        let newest = self.newest.as_ref()?;
        let message = match kind {
            Kind::Valid | Kind::Low => {
                let message = self.message(Some(newest), nonce);
                self.last = Some((newest.clone(), nonce));
                message
            }
            Kind::Duplicate => {
                let (work, nonce) = self.last.as_ref()?;
                self.message(Some(work), *nonce)
            }
            Kind::Stale => {
                let age = self.shared.config.stale_age_jobs;
                let is_old = |work: &&Work| work.job.number + age <= newest.job.number;
                self.message(self.older.front().filter(is_old), nonce)
            }
            Kind::Malformed => self.malformed(nonce),
        };
        self.open.push(Open {
            id: self.next_id,
            due,
            kind,
        });
        let mut tally = self.shared.tallies[self.shard].lock();
        *tally.sent.entry(kind).or_default() += 1;
        tally.messages_out += 1;
        Some(message)
    }

    /// Notes how late this process was with a share that nothing else kept back.
    pub(super) fn note_lag(&self, due: Instant) {
        let mut tally = self.shared.tallies[self.shard].lock();
        record(&mut tally.lag, due.elapsed());
    }

    /// Counts what was left over when the connection ended.
    pub(super) fn end(&mut self) {
        let mut tally = self.shared.tallies[self.shard].lock();
        tally.messages_in += std::mem::take(&mut self.messages_in);
        tally.jobs_in += std::mem::take(&mut self.jobs_in);
        for open in self.open.drain(..) {
            *tally.unanswered.entry(open.kind).or_default() += 1;
        }
    }

    /// The reason to give for a connection that ended like this.
    pub(super) fn reason(&self, lost: Lost) -> String {
        match &self.last_words {
            Some(words) => format!("{} (it said: {words})", lost.0),
            None => lost.0,
        }
    }

    fn choose(&self, chance: &mut Chance) -> Kind {
        if self.is_low {
            return Kind::Low;
        }
        let Mix {
            stale,
            duplicate,
            low,
            malformed,
        } = self.shared.config.mix;
        // Of the shares of those that send no low ones.
        let mut at = chance.part() * (100.0 - low);
        for (kind, part) in [
            (Kind::Stale, stale),
            (Kind::Duplicate, duplicate),
            (Kind::Malformed, malformed),
        ] {
            if at < part {
                let has_sent = self.last.is_some();
                return match kind {
                    Kind::Duplicate if !has_sent => Kind::Valid,
                    kind => kind,
                };
            }
            at -= part;
        }
        Kind::Valid
    }

    /// A share for a work, or for a job that never was.
    fn message(&self, work: Option<&Work>, nonce: u64) -> Vec<u8> {
        match self.shared.config.protocol {
            LoadProtocol::Stratum => {
                let job = work.map_or("00000000000000ff", |work| &work.job.name);
                self.submit(format_args!("\"{job}\",\"{nonce:016x}\""))
            }
            LoadProtocol::Getwork => {
                let known = work.or(self.newest.as_ref());
                let hex = known
                    .and_then(|work| work.hex.as_deref())
                    .unwrap_or_default();
                let mut hex = hex.as_bytes().to_vec();
                if let Some(digits) = hex.get_mut(NONCE_DIGITS) {
                    digits.copy_from_slice(format!("{nonce:016x}").as_bytes());
                }
                if work.is_none()
                    && let Some(digits) = hex.get_mut(..16)
                {
                    digits.fill(b'f');
                }
                [b"{\"miner_work\":\"", &hex[..], b"\"}"].concat()
            }
        }
    }

    fn malformed(&self, nonce: u64) -> Vec<u8> {
        match (self.shared.config.protocol, nonce % 3) {
            (LoadProtocol::Stratum, 0) => self.submit(format_args!("\"none\",\"{nonce:016x}\"")),
            (LoadProtocol::Stratum, 1) => self.submit(format_args!("\"0\",\"{nonce:017x}\"")),
            (LoadProtocol::Stratum, _) => self.submit(format_args!("\"0\"")),
            (LoadProtocol::Getwork, 0) => b"{\"miner_work\":\"\"}".to_vec(),
            (LoadProtocol::Getwork, 1) => b"{\"miner_work\":\"5a5a\"}".to_vec(),
            (LoadProtocol::Getwork, _) => {
                [b"{\"miner_work\":\"", &[b'z'; 224][..], b"\"}"].concat()
            }
        }
    }

    fn submit(&self, params: std::fmt::Arguments<'_>) -> Vec<u8> {
        let mut line = Vec::with_capacity(112);
        // Writing to memory does not fail.
        let _ = writeln!(
            line,
            "{{\"id\":{},\"method\":\"mining.submit\",\"params\":[\"w\",{params}]}}",
            self.next_id
        );
        line
    }
}

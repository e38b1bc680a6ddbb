//! What was refused to workers the ledger has no record of, so that their owners see why nothing
//! counts although their miners run.
//!
//! Names are free, so nothing of this is replicated (promise P9): it is this node's memory alone,
//! and lost with the process. It has bounds. Each IP address has room for some workers, of which
//! the one that was silent longest makes room for the next; and addresses make room for each other
//! in the same way. So whoever makes up names pushes out his own. When a worker has its first share
//! accepted, what was refused to it before goes to the ledger as well (module `reports`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;
use raftpool_ledger::command::RejectReason;

use crate::protocol::Refusal;

/// Most IP addresses of which something is remembered.
const SOURCES_MAX: usize = 1_024;
/// Most workers of one IP address.
const WORKERS_MAX: usize = 32;
/// How long a worker is remembered that is refused nothing more.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// Whom something was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// The IP address, or the first one of its network.
    pub(crate) source: IpAddr,
    pub(crate) address: &'a str,
    pub(crate) worker: &'a str,
}

/// What one node refused to one worker, and is in no ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWorker {
    /// Name of the worker.
    pub worker: String,
    /// When it was refused something first, in milliseconds since the Unix epoch.
    pub first_at_ms: u64,
    /// When it was refused something last, in milliseconds since the Unix epoch.
    pub last_at_ms: u64,
    /// Refused shares by reason; those of a worker that had one accepted are in the ledger.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Refused logins by reason: one of a small set of words.
    pub logins: BTreeMap<&'static str, u64>,
    /// What the miner was told last.
    pub last_words: String,
}

struct Newcomer {
    address: Arc<str>,
    worker: Arc<str>,
    first_at_ms: u64,
    last_at_ms: u64,
    rejects: BTreeMap<RejectReason, u64>,
    logins: BTreeMap<&'static str, u64>,
    last_words: String,
}

/// The workers of one IP address; whom something was refused last stands last.
#[derive(Default)]
struct Source {
    used: u64,
    workers: Vec<Newcomer>,
}

#[derive(Default)]
struct Table {
    sources: HashMap<IpAddr, Source>,
    /// The sources by when they were used.
    by_use: BTreeMap<u64, IpAddr>,
    uses: u64,
    workers: usize,
}

/// The memory.
pub(crate) struct Newcomers {
    table: Mutex<Table>,
    remembered: IntGauge,
}

impl Newcomers {
    /// `remembered` is kept at the number of workers.
    pub(crate) fn new(remembered: IntGauge) -> Self {
        Self {
            table: Mutex::default(),
            remembered,
        }
    }

    /// Notes a refused share.
    pub(crate) fn note_reject(
        &self,
        entry: Entry<'_>,
        reason: RejectReason,
        words: &str,
        now_ms: u64,
    ) {
        self.note(entry, words, now_ms, |newcomer| {
            *newcomer.rejects.entry(reason).or_default() += 1;
        });
    }

    /// Notes a refused login.
    pub(crate) fn note_login(&self, entry: Entry<'_>, refusal: &Refusal, now_ms: u64) {
        self.note(entry, &refusal.message, now_ms, |newcomer| {
            *newcomer.logins.entry(refusal.why.label()).or_default() += 1;
        });
    }

    fn note(&self, entry: Entry<'_>, words: &str, now_ms: u64, count: impl FnOnce(&mut Newcomer)) {
        let mut table = self.table.lock();
        let mut is_more = false;
        let workers = &mut table.source(entry.source).workers;
        let mut newcomer = match workers.iter().position(|one| one.is(&entry)) {
            Some(place) => workers.remove(place),
            None if workers.len() >= WORKERS_MAX => {
                workers.remove(0);
                Newcomer::new(&entry, now_ms)
            }
            None => {
                is_more = true;
                Newcomer::new(&entry, now_ms)
            }
        };
        count(&mut newcomer);
        newcomer.last_at_ms = now_ms;
        words.clone_into(&mut newcomer.last_words);
        workers.push(newcomer);
        table.workers += usize::from(is_more);
        self.tell(&table);
    }

    /// Forgets a worker, because the ledger knows it now; the shares it was refused.
    pub(crate) fn take(&self, entry: Entry<'_>) -> BTreeMap<RejectReason, u64> {
        let mut table = self.table.lock();
        let Some(source) = table.sources.get_mut(&entry.source) else {
            return BTreeMap::new();
        };
        let Some(place) = source.workers.iter().position(|one| one.is(&entry)) else {
            return BTreeMap::new();
        };
        let newcomer = source.workers.remove(place);
        table.workers -= 1;
        table.drop_empty(entry.source);
        self.tell(&table);
        newcomer.rejects
    }

    /// What was refused to the workers of a miner, by name.
    pub(crate) fn of(&self, address: &str) -> Vec<RefusedWorker> {
        let mut found: BTreeMap<Arc<str>, RefusedWorker> = BTreeMap::new();
        let table = self.table.lock();
        let all = table.sources.values().flat_map(|source| &source.workers);
        for newcomer in all.filter(|one| &*one.address == address) {
            found
                .entry(newcomer.worker.clone())
                .and_modify(|one| newcomer.add_to(one))
                .or_insert_with(|| newcomer.show());
        }
        found.into_values().collect()
    }

    /// Forgets whom nothing was refused for long; to be called now and then.
    pub(crate) fn forget(&self, now_ms: u64) {
        let mut table = self.table.lock();
        let sources: Vec<_> = table.sources.keys().copied().collect();
        for ip in sources {
            if let Some(source) = table.sources.get_mut(&ip) {
                let is_recent =
                    |one: &Newcomer| now_ms.saturating_sub(one.last_at_ms) < REMEMBERED_MS;
                let before = source.workers.len();
                source.workers.retain(is_recent);
                let gone = before - source.workers.len();
                table.workers -= gone;
            }
            table.drop_empty(ip);
        }
        self.tell(&table);
    }

    fn tell(&self, table: &Table) {
        let workers = i64::try_from(table.workers).unwrap_or(i64::MAX);
        self.remembered.set(workers);
    }
}

impl Table {
    /// The source, as the one that was used last.
    fn source(&mut self, ip: IpAddr) -> &mut Source {
        if self.sources.len() >= SOURCES_MAX
            && !self.sources.contains_key(&ip)
            && let Some((_, oldest)) = self.by_use.pop_first()
            && let Some(gone) = self.sources.remove(&oldest)
        {
            self.workers -= gone.workers.len();
        }
        self.uses += 1;
        let source = self.sources.entry(ip).or_default();
        self.by_use.remove(&source.used);
        source.used = self.uses;
        self.by_use.insert(self.uses, ip);
        source
    }

    fn drop_empty(&mut self, ip: IpAddr) {
        if let Some(source) = self.sources.get(&ip)
            && source.workers.is_empty()
        {
            self.by_use.remove(&source.used);
            self.sources.remove(&ip);
        }
    }
}

impl Newcomer {
    fn new(entry: &Entry<'_>, now_ms: u64) -> Self {
        Self {
            address: entry.address.into(),
            worker: entry.worker.into(),
            first_at_ms: now_ms,
            last_at_ms: now_ms,
            rejects: BTreeMap::new(),
            logins: BTreeMap::new(),
            last_words: String::new(),
        }
    }

    fn is(&self, entry: &Entry<'_>) -> bool {
        &*self.address == entry.address && &*self.worker == entry.worker
    }

    fn show(&self) -> RefusedWorker {
        RefusedWorker {
            worker: self.worker.to_string(),
            first_at_ms: self.first_at_ms,
            last_at_ms: self.last_at_ms,
            rejects: self.rejects.clone(),
            logins: self.logins.clone(),
            last_words: self.last_words.clone(),
        }
    }

    /// The same worker from another IP address.
    fn add_to(&self, sum: &mut RefusedWorker) {
        for (reason, count) in &self.rejects {
            *sum.rejects.entry(*reason).or_default() += count;
        }
        for (reason, count) in &self.logins {
            *sum.logins.entry(reason).or_default() += count;
        }
        sum.first_at_ms = sum.first_at_ms.min(self.first_at_ms);
        if self.last_at_ms > sum.last_at_ms {
            sum.last_at_ms = self.last_at_ms;
            self.last_words.clone_into(&mut sum.last_words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newcomers() -> Newcomers {
        Newcomers::new(IntGauge::new("workers", "of a test").unwrap())
    }

    fn entry(host: u32, address: &'static str, worker: &str) -> Entry<'static> {
        Entry {
            source: IpAddr::from(host.to_be_bytes()),
            address,
            // A test's names may stay.
            worker: Box::leak(worker.to_owned().into_boxed_str()),
        }
    }

    #[test]
    fn what_a_worker_was_refused_is_added_up_over_its_ip_addresses() {
        let newcomers = newcomers();
        let reason = RejectReason::LowDifficulty;
        newcomers.note_reject(entry(1, "xet:a", "rig"), reason, "too low", 10);
        newcomers.note_reject(entry(1, "xet:a", "rig"), RejectReason::Stale, "old", 20);
        newcomers.note_reject(entry(2, "xet:a", "rig"), reason, "too low, again", 30);
        newcomers.note_reject(entry(2, "xet:b", "rig"), reason, "too low", 40);
        let found = newcomers.of("xet:a");
        let wanted = RefusedWorker {
            worker: "rig".into(),
            first_at_ms: 10,
            last_at_ms: 30,
            rejects: BTreeMap::from([(reason, 2), (RejectReason::Stale, 1)]),
            logins: BTreeMap::new(),
            last_words: "too low, again".into(),
        };
        assert_eq!(found, [wanted]);

        let taken = newcomers.take(entry(1, "xet:a", "rig"));
        assert_eq!(
            taken,
            BTreeMap::from([(reason, 1), (RejectReason::Stale, 1)])
        );
        assert!(newcomers.take(entry(1, "xet:a", "rig")).is_empty());
        assert_eq!(newcomers.remembered.get(), 2);
        newcomers.forget(30 + REMEMBERED_MS);
        assert_eq!(newcomers.of("xet:a"), []);
        assert_eq!(newcomers.of("xet:b").len(), 1);
        newcomers.forget(40 + REMEMBERED_MS);
        let table = newcomers.table.lock();
        assert!(table.sources.is_empty() && table.by_use.is_empty());
    }

    #[test]
    fn who_makes_up_names_pushes_out_his_own() {
        let newcomers = newcomers();
        let reason = RejectReason::Malformed;
        newcomers.note_reject(entry(1, "xet:a", "honest"), reason, "", 0);
        for number in 0..10_000 {
            let name = format!("evil-{number}");
            newcomers.note_reject(entry(2, "xet:a", &name), reason, "", number);
        }
        let names: Vec<_> = newcomers.of("xet:a");
        assert_eq!(names.len(), WORKERS_MAX + 1);
        assert!(names.iter().any(|one| one.worker == "honest"));
        assert!(names.iter().any(|one| one.worker == "evil-9999"));
    }

    #[test]
    fn addresses_are_bounded_and_whoever_was_silent_longest_goes() {
        let newcomers = newcomers();
        let reason = RejectReason::Malformed;
        let bound = u32::try_from(SOURCES_MAX).unwrap();
        for host in 0..bound {
            newcomers.note_reject(entry(host, "xet:a", &host.to_string()), reason, "", 0);
        }
        newcomers.note_reject(entry(0, "xet:a", "0"), reason, "", 0);
        newcomers.note_reject(entry(bound, "xet:a", "last"), reason, "", 0);
        let found = newcomers.of("xet:a");
        assert_eq!(found.len(), SOURCES_MAX);
        let has = |name: &str| found.iter().any(|one| one.worker == name);
        assert!(has("0") && has("last") && !has("1") && has("2"));
        assert_eq!(newcomers.remembered.get(), i64::from(bound));
    }
}

//! The read model: what the API, the miners' side and the payouts ask of the ledger.
//!
//! Every method reads the state it was given and nothing else, so that several questions asked
//! of one view have answers of one moment.

mod accounts;
mod audits;
mod bans;
mod blocks;
mod effort;
mod journal;
mod lateness;
mod miners;
mod network;
mod owners;
mod payouts;
mod series;
mod terms;
mod tokens;
mod types;

use raftpool_proto::ledger as row;

use crate::command::{RejectReason, Scheme, Settings};
use crate::record::{Record, load, page, wide};
use crate::reserve::{self, Reserve};
use crate::state::Direction;
use crate::verify::{self, Violation};
use crate::version::FinalizedVersion;
use crate::{StateError, StateRead};
use crate::{key, meter, record};

pub use crate::funds::{account_name, account_of_name, accounts};
pub use crate::journal::MINERS_ACCOUNTS;
pub use crate::weights::FrozenWeights;
pub use accounts::Accounts;
pub use effort::RecentEffort;
pub use journal::{
    ENTRIES_LOOKED_AT, EntryKind, EntryPlace, JournalEntry, JournalLine, JournalQuery,
    entry_kind_name,
};
pub use lateness::{Fate, LATENESS_BLOCKS_MAX, LATENESS_CLASSES, Lateness, lateness_class};
pub use network::{Acknowledgement, NetworkFees, NetworkSample, StrayBlock, StrayCounts};
pub use series::{SPANS_MAX, SeriesQuery};
pub use tokens::{Admission, Gate, Token, TokenProblem, TokenRule};
pub use types::*;

/// Reads the ledger out of a state.
pub struct LedgerView<'a> {
    state: &'a dyn StateRead,
}

/// Result of a query.
pub type Result<T> = std::result::Result<T, StateError>;

/// The ledger as a whole. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl<'a> LedgerView<'a> {
    /// A view of one state.
    pub fn new(state: &'a dyn StateRead) -> Self {
        Self { state }
    }

    /// Index of the newest applied command (entries without a command do not count).
    pub fn index(&self) -> Result<u64> {
        Ok(self.head()?.index)
    }

    /// Ledger time: the largest proposed time so far.
    pub fn time_ms(&self) -> Result<u64> {
        Ok(self.head()?.time_ms)
    }

    /// Running digest over every change so far; equal on nodes of equal index.
    pub fn digest(&self) -> Result<[u8; 32]> {
        match self.head()?.digest.as_slice() {
            [] => Ok([0; 32]),
            digest => record::hash(digest),
        }
    }

    /// Every invariant that does not hold over the whole state, as [`crate::verify`] finds them.
    pub fn verify(&self) -> Result<Vec<Violation>> {
        verify::verify(self.state)
    }

    /// The pool's settings; none before the first `ChangeSettings`.
    pub fn settings(&self) -> Result<Option<Settings>> {
        self.load(key::settings())
    }

    /// Up to which version commands may be used.
    pub fn finalized_version(&self) -> Result<FinalizedVersion> {
        Ok(FinalizedVersion::of(self.load(key::finalized_version())?))
    }

    /// Whether payouts can only be resumed after a reconciliation with the chain.
    pub fn must_reconcile_payouts(&self) -> Result<bool> {
        let pause: Option<row::Pause> = self.load(key::pause())?;
        Ok(pause.is_some_and(|pause| pause.until_reconciled))
    }

    /// The reason, while payouts are paused.
    pub fn payouts_paused(&self) -> Result<Option<String>> {
        Ok(self
            .load::<row::Pause>(key::pause())?
            .map(|pause| pause.reason))
    }

    /// The pool's accounts.
    pub fn accounts(&self) -> Result<Accounts> {
        let accounts: row::Accounts = self.load(key::accounts())?.unwrap_or_default();
        Ok(Accounts::of(&accounts))
    }

    /// The reserve of PPS and FPPS; none before the first `ChangeSettings`.
    pub fn reserve(&self) -> Result<Option<Reserve>> {
        let settings = self.settings()?;
        let reserve = settings.map(|settings| reserve::read(self.state, &settings));
        reserve.transpose()
    }

    /// The reserve, where a scheme is offered that is paid from it or something is in it.
    pub fn reserve_in_use(&self) -> Result<Option<Reserve>> {
        let Some(settings) = self.settings()? else {
            return Ok(None);
        };
        let reserve = reserve::read(self.state, &settings)?;
        let is_used = settings.pps_offered || settings.fpps_offered || reserve.held_atomic > 0;
        Ok(is_used.then_some(reserve))
    }

    /// Counts over the pool's life.
    pub fn totals(&self) -> Result<Totals> {
        let totals: row::Totals = self.load(key::totals())?.unwrap_or_default();
        let window: row::Window = self.load(key::window())?.unwrap_or_default();
        let meter = totals.meter.unwrap_or_default();
        Ok(Totals {
            shares: totals.shares,
            work: wide(&totals.work)?,
            rejects: totals.rejects,
            blocks: totals.blocks,
            blocks_settled: totals.blocks_settled,
            blocks_orphaned: totals.blocks_orphaned,
            payouts: totals.payouts,
            miners: totals.miners,
            window_score: wide(&window.total_score)?,
            hashrate: meter::hashrate(&meter, self.time_ms()?),
            round_score: wide(&totals.round_score)?,
        })
    }

    /// The PPLNS window, oldest entry first, after the entry number `after`.
    pub fn window(&self, after: Option<u64>, limit: usize) -> Result<Vec<WindowEntry>> {
        let window: row::Window = self.load(key::window())?.unwrap_or_default();
        let first = after
            .map_or(0, |number| number.saturating_add(1))
            .max(window.first_entry);
        let range = key::window_entries_from(first);
        page(
            self.state,
            range,
            Direction::Ascending,
            limit,
            |key, entry: row::WindowEntry| {
                Ok(WindowEntry {
                    number: key::number_after_kind(key).unwrap_or_default(),
                    miner: self.address_of(entry.miner)?,
                    score: wide(&entry.score)?,
                    index: entry.index,
                    time_ms: entry.time_ms,
                })
            },
        )
    }

    /// Newest epoch seen of a node, and its highest applied sequence.
    pub fn batches_of_node(&self, node_id: u64) -> Result<Option<(u64, u64)>> {
        let node: Option<row::Node> = self.load(key::node(node_id))?;
        Ok(node.map(|node| (node.epoch, node.highest)))
    }

    /// Whose number it is.
    fn address_of(&self, miner: u64) -> Result<String> {
        let known: Option<row::MinerNumber> = self.load(key::miner_number(miner))?;
        let known = known.ok_or_else(|| record::damaged("miner of a number"))?;
        Ok(known.address)
    }

    fn head(&self) -> Result<row::Head> {
        Ok(self.load(key::head())?.unwrap_or_default())
    }

    fn load<R: Record>(&self, key: key::Key) -> Result<Option<R>> {
        load(self.state, &key)
    }
}

/// Name of a reason as it appears in the API, the metrics and the logs.
pub fn reject_reason_name(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::RejectUnspecified => "other",
        RejectReason::JobNotFound => "job_not_found",
        RejectReason::Stale => "stale",
        RejectReason::Duplicate => "duplicate",
        RejectReason::LowDifficulty => "low_difficulty",
        RejectReason::Unauthorized => "unauthorized",
        RejectReason::Malformed => "malformed",
        RejectReason::Overloaded => "overloaded",
        RejectReason::NoQuorum => "no_quorum",
    }
}

/// Name of a scheme as it appears in the API, in settings and in passwords.
pub fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Unspecified => "unspecified",
        Scheme::Pplns => "pplns",
        Scheme::Solo => "solo",
        Scheme::Pps => "pps",
        Scheme::Fpps => "fpps",
    }
}

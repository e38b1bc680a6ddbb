//! What owners of addresses have set, and whether a session is one.

use raftpool_proto::ledger as row;

use super::{LedgerView, Result};
use crate::key;
use crate::owners::expires_at_ms;
use crate::record::{page, text};
use crate::state::Direction;

/// Owners. Every method fails only when the state cannot be read.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// When the open session of an address with this hash ends; none when there is no such session.
    pub fn owner_session_expires_at_ms(
        &self,
        miner: &str,
        session_hash: &[u8; 32],
        now_ms: u64,
    ) -> Result<Option<u64>> {
        let owner: row::Owner = self.load(key::owner(miner))?.unwrap_or_default();
        Ok(expires_at_ms(&owner, session_hash, now_ms))
    }

    /// Whether an address is left out of lists of miners and finders.
    pub fn is_hidden(&self, miner: &str) -> Result<bool> {
        let owner: Option<row::Owner> = self.load(key::owner(miner))?;
        Ok(owner.is_some_and(|owner| owner.is_hidden))
    }

    /// What its owner calls a worker.
    pub fn worker_label(&self, miner: &str, worker: &str) -> Result<Option<String>> {
        let label: Option<row::OwnLabel> = self.load(key::label(miner, worker))?;
        Ok(label.map(|label| label.label))
    }

    /// Workers of an address that have a label, by name, with it.
    pub fn worker_labels(&self, miner: &str, limit: usize) -> Result<Vec<(String, String)>> {
        page(
            self.state,
            key::labels_of(miner),
            Direction::Ascending,
            limit,
            |key, label: row::OwnLabel| {
                let worker = text(key::worker_name(key, miner))?;
                Ok((worker, label.label))
            },
        )
    }
}

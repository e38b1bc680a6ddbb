//! Workers no node takes shares of for the time being.

use std::ops::ControlFlow;

use raftpool_proto::ledger as row;

use super::{Ban, LedgerView, Result};
use crate::key;
use crate::record::{count, each};
use crate::state::Direction;

/// Bans. What is over counts as gone, whether it is cleaned away or not.
///
/// The ledger's time stands still while nobody proposes anything, so the reader says what time it
/// is as well, and the later of the two counts.
#[allow(clippy::missing_errors_doc)]
impl LedgerView<'_> {
    /// The ban of one worker that is in force at `now_ms`.
    pub fn ban(&self, address: &str, worker: &str, now_ms: u64) -> Result<Option<Ban>> {
        let time_ms = self.time_ms()?.max(now_ms);
        let ban: Option<row::Ban> = self.load(key::ban(address, worker))?;
        Ok(ban.filter(|ban| ban.until_ms > time_ms).map(read_ban))
    }

    /// Bans in force at `now_ms`, behind that of the worker `after`, in the order of their keys:
    /// those of one miner follow each other.
    pub fn bans(&self, after: Option<(&str, &str)>, limit: usize, now_ms: u64) -> Result<Vec<Ban>> {
        let time_ms = self.time_ms()?.max(now_ms);
        let mut bans = Vec::new();
        each(
            self.state,
            key::bans_after(after),
            Direction::Ascending,
            |_, ban: row::Ban| {
                if bans.len() >= limit {
                    return Ok(ControlFlow::Break(()));
                }
                if ban.until_ms > time_ms {
                    bans.push(read_ban(ban));
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(bans)
    }

    /// How many bans are in force at `now_ms`.
    pub fn bans_in_force(&self, now_ms: u64) -> Result<u64> {
        count(self.state, key::ban_ends_after(self.time_ms()?.max(now_ms)))
    }

    /// Log index of the newest command that set or lifted a ban; 0 when there was none.
    pub fn bans_changed_index(&self) -> Result<u64> {
        let head: row::Bans = self.load(key::bans_head())?.unwrap_or_default();
        Ok(head.changed_index)
    }
}

fn read_ban(ban: row::Ban) -> Ban {
    Ban {
        miner: ban.miner,
        worker: ban.worker,
        reason: ban.reason,
        since_ms: ban.since_ms,
        until_ms: ban.until_ms,
        author: ban.author,
    }
}

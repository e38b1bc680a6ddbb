//! What this node refuses by itself, as the API asks for it.

use std::sync::Arc;

use raftpool_api::{LocalBan, LocalBanOf, LocalBans};
use raftpool_stratum as stratum;

use super::serving::Slot;

/// The bans of the miners' side, once it runs.
pub(super) struct NodeBans(pub(super) Arc<Slot>);

impl LocalBans for NodeBans {
    fn list(&self) -> Vec<LocalBan> {
        let bans = self.0.look(|serving| serving.stratum.local_bans());
        let bans = bans.unwrap_or_default().into_iter();
        bans.map(|ban| LocalBan {
            who: match ban.who {
                stratum::LocalBanOf::Worker { address, worker } => LocalBanOf::Worker {
                    miner: address,
                    worker,
                },
                stratum::LocalBanOf::Ip(ip) => LocalBanOf::Ip(ip),
            },
            reason: ban.reason,
            until_ms: ban.until_ms,
        })
        .collect()
    }

    fn lift(&self, who: &LocalBanOf) -> bool {
        let who = match who.clone() {
            LocalBanOf::Worker { miner, worker } => stratum::LocalBanOf::Worker {
                address: miner,
                worker,
            },
            LocalBanOf::Ip(ip) => stratum::LocalBanOf::Ip(ip),
        };
        let is_lifted = self.0.look(|serving| serving.stratum.lift_local_ban(&who));
        is_lifted.unwrap_or(false)
    }
}

//! How patient and how careful the reconcilers are. Nothing here changes who is owed what:
//! thresholds, intervals and fees are settings in the ledger.

use std::time::Duration;

use raftpool_ledger::network::SAMPLE_BLOCKS_MAX;

use crate::StartError;

/// Local behaviour of the reconcilers; every node may have its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutConfig {
    /// Time between two looks at the chain when nothing else wakes a reconciler.
    pub step_interval: Duration,
    /// Shortest time between two looks that changes of the ledger cause.
    pub poke_gap: Duration,
    /// Heights past stability before an unordered or unknown block may be given up.
    pub orphan_margin_heights: u64,
    /// How often in a row a block has to be seen missing before it is given up.
    pub orphan_sightings: u32,
    /// How often in a row a nonce has to be seen used by somebody else before payouts stop.
    pub foreign_sightings: u32,
    /// Shortest time between two sightings that count as two.
    pub sighting_gap: Duration,
    /// Stable blocks of the network that one published sample sums up; 1 to 1440, and the same on
    /// all nodes.
    pub sample_blocks: u64,
    /// Topoheights the daemon may be behind its best peer and still be believed.
    pub daemon_lag_max: u64,
    /// Peers the daemon must have to be believed, where its P2P is on; mainnet demands one at
    /// least, because a daemon alone on its own branch calls its own blocks stable.
    pub daemon_peers_min: u64,
    /// Topoheights the wallet may be away from the daemon and still be used.
    pub wallet_lag_max: u64,
    /// Fee budget of a payout in percent of the wallet's estimate, at least 100.
    pub fee_headroom_percent: u32,
    /// Largest part of a payee's debit that may go into fees, in percent.
    pub fee_share_max_percent: u32,
    /// Failed builds after which a reservation is released and planned anew.
    pub builds_max: u32,
    /// Permanent refusals of one variant after which another one is built.
    pub refusals_max: u32,
    /// Most variants of one payout.
    pub variants_max: u32,
    /// Time between two sendings of the same transaction.
    pub resend_interval: Duration,
    /// Time between two tries of something that failed: a build, a reservation.
    pub retry_interval: Duration,
    /// How long a payee is left out to whom the wallet refuses to pay.
    pub payee_quarantine: Duration,
}

impl Default for PayoutConfig {
    fn default() -> Self {
        Self {
            step_interval: Duration::from_secs(5),
            poke_gap: Duration::from_secs(1),
            orphan_margin_heights: 24,
            orphan_sightings: 3,
            foreign_sightings: 3,
            sighting_gap: Duration::from_secs(10),
            // Ten minutes.
            sample_blocks: 120,
            daemon_lag_max: 5,
            daemon_peers_min: 0,
            wallet_lag_max: 10,
            fee_headroom_percent: 125,
            fee_share_max_percent: 10,
            builds_max: 3,
            refusals_max: 3,
            variants_max: 8,
            resend_interval: Duration::from_secs(15),
            retry_interval: Duration::from_secs(30),
            payee_quarantine: Duration::from_secs(3600),
        }
    }
}

impl PayoutConfig {
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        let counts = [
            ("orphan_sightings", self.orphan_sightings),
            ("foreign_sightings", self.foreign_sightings),
            ("fee_share_max_percent", self.fee_share_max_percent),
            ("builds_max", self.builds_max),
            ("refusals_max", self.refusals_max),
            ("variants_max", self.variants_max),
        ];
        for (field, value) in counts {
            if value == 0 {
                return Err(StartError::Config {
                    field,
                    problem: "must be at least 1",
                });
            }
        }
        if self.fee_headroom_percent < 100 {
            let problem = "must be at least 100: less than the estimate is never enough";
            return Err(StartError::Config {
                field: "fee_headroom_percent",
                problem,
            });
        }
        if self.fee_share_max_percent > 100 {
            let problem = "must be at most 100";
            return Err(StartError::Config {
                field: "fee_share_max_percent",
                problem,
            });
        }
        if !(1..=SAMPLE_BLOCKS_MAX).contains(&self.sample_blocks) {
            return Err(StartError::Config {
                field: "sample_blocks",
                problem: "must be 1 to 1440",
            });
        }
        if self.step_interval.is_zero() {
            return Err(StartError::Config {
                field: "step_interval",
                problem: "must not be zero",
            });
        }
        Ok(())
    }
}

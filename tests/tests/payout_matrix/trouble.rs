//! Carries out what goes wrong besides the death, and lets it come right again.

use anyhow::{Context, Result};
use raftpool_tests::devnet::SimulatedNetwork;
use serde_json::{Value, json};

use crate::combination::Trouble;

/// How often a trouble strikes that can strike again and again.
const STRIKES: u32 = 3;
/// Each sending asks the daemon once for each node.
const REFUSALS: u32 = 3 * STRIKES;
/// Enough that a daemon without them is not believed.
const BLOCKS_MISSED: u32 = 12;

/// The trouble of one round.
pub struct Struck {
    trouble: Trouble,
    has_begun: bool,
    strikes_left: u32,
    /// What the leader said it saw is undone, and it has not looked again.
    is_outdated: bool,
}

impl Struck {
    pub fn new(trouble: Trouble) -> Self {
        let strikes = match trouble {
            // Done by the one who kills.
            Trouble::None | Trouble::TwoLeaders => 0,
            Trouble::Unsynced => 1,
            _ => STRIKES,
        };
        Self {
            trouble,
            has_begun: false,
            strikes_left: strikes,
            is_outdated: false,
        }
    }

    /// Whether everything that was to go wrong has gone wrong.
    pub fn is_over(&self) -> bool {
        self.strikes_left == 0
    }

    /// From now on it goes wrong.
    pub async fn begin(&mut self, network: &SimulatedNetwork) -> Result<()> {
        self.has_begun = true;
        match self.trouble {
            Trouble::WalletTimesOut => {
                let fault = json!({"endpoint": "wallet", "method": "build_transaction",
                    "kind": "time_out_after_doing", "count": STRIKES});
                network.control("fault", fault).await?;
            }
            Trouble::Refused(kind) => {
                let fault = json!({"endpoint": "daemon", "method": "submit_transaction",
                    "kind": "refuse", "error_kind": kind, "count": REFUSALS});
                network.control("fault", fault).await?;
            }
            // Otherwise it might be executed before it can be lost.
            Trouble::MempoolLost => stall(network, true).await?,
            Trouble::Unsynced => {
                sync(network, false).await?;
                let missed = json!({"count": BLOCKS_MISSED});
                network.control("produce_blocks", missed).await?;
            }
            Trouble::None | Trouble::ReorderKeeps | Trouble::ReorderDrops | Trouble::TwoLeaders => {
            }
        }
        Ok(())
    }

    /// Strikes when the moment has come; whether the chain may grow now. `leader` is what the
    /// leader says, `state` what the network knows.
    pub async fn tend(
        &mut self,
        network: &SimulatedNetwork,
        leader: &Value,
        state: &Value,
    ) -> Result<bool> {
        if !self.has_begun || self.is_over() {
            return Ok(true);
        }
        match self.trouble {
            Trouble::None | Trouble::TwoLeaders => Ok(true),
            Trouble::WalletTimesOut | Trouble::Refused(_) => {
                let still_to_come = state["faults"].as_array().context("faults")?;
                if !still_to_come.iter().any(|fault| fault["index"].is_null()) {
                    self.strikes_left = 0;
                }
                Ok(true)
            }
            Trouble::MempoolLost => self.lose_mempool(network, state).await,
            Trouble::ReorderKeeps => self.rewind(network, leader, state, true).await,
            Trouble::ReorderDrops => self.rewind(network, leader, state, false).await,
            Trouble::Unsynced => {
                if sees_old_chain(leader) {
                    sync(network, true).await?;
                    self.strikes_left = 0;
                }
                Ok(false)
            }
        }
    }

    async fn lose_mempool(&mut self, network: &SimulatedNetwork, state: &Value) -> Result<bool> {
        if state["mempool"] != json!([]) {
            network.control("drop_mempool", json!({})).await?;
            self.strikes_left -= 1;
            if self.is_over() {
                stall(network, false).await?;
            }
        }
        Ok(true)
    }

    /// Un-executes what is executed and not final, right after the leader was told of it. Until
    /// then the chain must not grow, or it would become final.
    async fn rewind(
        &mut self,
        network: &SimulatedNetwork,
        leader: &Value,
        state: &Value,
        is_kept: bool,
    ) -> Result<bool> {
        let status = leader["node"]["payout_status"].as_str();
        let is_seen = status.is_some_and(|status| status.contains("is executed at topoheight"));
        if self.is_outdated {
            self.is_outdated = is_seen;
            return Ok(false);
        }
        let executed = state["executed"].as_array().context("executed")?;
        let unstable = executed.iter().find(|one| one["is_stable"] == json!(false));
        let Some(unstable) = unstable else {
            return Ok(true);
        };
        if is_seen {
            let place = unstable["topoheight"].as_u64().context("topoheight")?;
            let top = state["topoheight"].as_u64().context("topoheight")?;
            let undone = json!({"count": top + 1 - place, "return_to_mempool": is_kept});
            network.control("rewind", undone).await?;
            self.strikes_left -= 1;
            self.is_outdated = true;
        }
        Ok(false)
    }
}

/// Whether the leader has noticed that its daemon is behind.
fn sees_old_chain(leader: &Value) -> bool {
    let node = &leader["node"];
    let says = |text: &Value, words: &str| text.as_str().is_some_and(|text| text.contains(words));
    let mut daemons = node["daemons"].as_array().into_iter().flatten();
    says(&node["payout_status"], "its best peer at")
        || daemons.any(|daemon| says(&daemon["problem"], "still syncing"))
}

async fn stall(network: &SimulatedNetwork, is_stalled: bool) -> Result<()> {
    let switch = json!({"on": is_stalled});
    network.control("stall_execution", switch).await.map(drop)
}

async fn sync(network: &SimulatedNetwork, is_synced: bool) -> Result<()> {
    let switch = json!({"daemon": 0, "on": is_synced});
    network.control("sync", switch).await.map(drop)
}

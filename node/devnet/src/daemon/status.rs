//! Methods about the chain as a whole and about the daemon itself.

use serde_json::{Value, json};

use super::{Called, Daemon};
use crate::{
    chain::Chain,
    emission::{self, DEV_FEE_CHANGE_HEIGHT, MAXIMUM_SUPPLY_ATOMIC},
    rpc::{Params, RpcError},
};

/// What daemon and wallet say they are.
pub(crate) const VERSION: &str = "1.23.0-8a75b219";

impl Daemon {
    pub(super) fn call_status(&self, method: &str, params: &Params) -> Called {
        let answer: fn(&Self, &Chain) -> Result<Value, RpcError> = match method {
            "get_version" => |_, _| Ok(json!(VERSION)),
            "get_info" => |_, chain| Ok(info(chain)),
            "get_height" => |_, chain| Ok(json!(chain.height())),
            "get_topoheight" => |_, chain| Ok(json!(chain.topoheight())),
            "get_stable_height" => |_, chain| Ok(json!(chain.stable_height())),
            "get_stable_topoheight" => |_, chain| Ok(json!(chain.stable_topoheight())),
            "get_difficulty" => |_, chain| Ok(difficulty(chain)),
            "get_tips" => |_, chain| {
                Ok(json!(
                    chain
                        .tips()
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                ))
            },
            "get_hard_forks" => |_, chain| Ok(hard_forks(chain)),
            "get_dev_fee_thresholds" => |_, _| Ok(dev_fee_thresholds()),
            "get_size_on_disk" => |_, _| Ok(json!({ "size_bytes": 0, "size_formatted": "0 B" })),
            "count_accounts" => |_, chain| Ok(json!(chain.accounts().len())),
            "p2p_status" => |daemon, chain| daemon.p2p_status(chain.topoheight()),
            _ => return None,
        };
        Some(params.none().and_then(|()| {
            let view = self.view();
            view.with(|chain| answer(self, chain))
        }))
    }

    fn p2p_status(&self, our_topoheight: u64) -> Result<Value, RpcError> {
        if self.p2p_peers == 0 {
            return Err(RpcError::invalid_params("P2p engine is not running"));
        }
        // The own chain is locked here, so the shared one may only be looked at when it is another.
        let best_topoheight = if self.is_synced() {
            our_topoheight
        } else {
            self.shared
                .with(|chain| chain.topoheight())
                .max(our_topoheight)
        };
        Ok(json!({
            "best_topoheight": best_topoheight,
            "max_peers": 32,
            "median_topoheight": best_topoheight,
            "our_topoheight": our_topoheight,
            "peer_count": self.p2p_peers,
            "peer_id": self.index,
            "tag": null,
        }))
    }
}

fn info(chain: &Chain) -> Value {
    let reward = chain.next_reward();
    json!({
        "average_block_time": chain.average_block_time_ms(),
        "block_reward": reward.total_atomic,
        "block_time_target": chain.rules.block_time_ms,
        "block_version": chain.rules.block_version(),
        "burned_supply": 0,
        "circulating_supply": chain.supply_atomic(),
        "dev_reward": reward.dev_atomic,
        "difficulty": chain.next_difficulty().to_string(),
        "emitted_supply": chain.supply_atomic(),
        "height": chain.height(),
        "maximum_supply": MAXIMUM_SUPPLY_ATOMIC,
        "mempool_size": chain.mempool().len(),
        "miner_reward": reward.miner_atomic,
        "network": chain.rules.network.to_string(),
        "pruned_topoheight": null,
        "stable_topoheight": chain.stable_topoheight(),
        "stableheight": chain.stable_height(),
        "top_block_hash": chain.top_hash().to_string(),
        "topoheight": chain.topoheight(),
        "version": VERSION,
    })
}

fn difficulty(chain: &Chain) -> Value {
    let difficulty = chain.next_difficulty();
    let rate = difficulty.saturating_mul(1_000) / u128::from(chain.rules.block_time_ms.max(1));
    json!({
        "difficulty": difficulty.to_string(),
        "hashrate": rate.to_string(),
        "hashrate_formatted": format_hash_rate(rate),
    })
}

fn format_hash_rate(rate: u128) -> String {
    const UNITS: [&str; 6] = ["H/s", "KH/s", "MH/s", "GH/s", "TH/s", "PH/s"];
    let mut unit = 0;
    let mut scale = 1_u128;
    while unit + 1 < UNITS.len() && rate / scale >= 1_000 {
        scale *= 1_000;
        unit += 1;
    }
    let hundredths = rate.saturating_mul(100) / scale;
    format!(
        "{}.{:02} {}",
        hundredths / 100,
        hundredths % 100,
        UNITS[unit]
    )
}

fn hard_forks(chain: &Chain) -> Value {
    json!([{
        "changelog": "All features from the first block on",
        "height": 0,
        "version": chain.rules.block_version(),
        "version_requirement": null,
    }])
}

fn dev_fee_thresholds() -> Value {
    json!([0, DEV_FEE_CHANGE_HEIGHT].map(|height| json!({
        "fee_percentage": emission::dev_fee_percent(height),
        "height": height,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_rate_is_written_like_the_daemon_does() {
        assert_eq!(format_hash_rate(2_000), "2.00 KH/s");
        assert_eq!(format_hash_rate(999), "999.00 H/s");
        assert_eq!(format_hash_rate(400_120_000), "400.12 MH/s");
    }
}

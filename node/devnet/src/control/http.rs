//! The control interface over HTTP: `POST /control/<call>` with a JSON object, `GET /control/state`.
//!
//! | call | parameters |
//! |---|---|
//! | `produce_blocks` | `count`, `miner` (address), `empty` |
//! | `side_block` | `miner`: a block beside the best one |
//! | `rewind` | `count`, `return_to_mempool` |
//! | `orphan` | `hash` |
//! | `reorder` | `depth` |
//! | `foreign_spend` | `amount_atomic` |
//! | `sync`, `daemon` | `daemon` (from 0), `on` (or `synced`, `running`) |
//! | `wallet`, `wallet_online` | `wallet` (from 0), `on` (or `running`, `online`) |
//! | `stall_execution`, `return_to_mempool` | `on` (or `stalled`) |
//! | `drop_mempool`, `clear_faults` | none |
//! | `fault` | the fields of [`Fault`] |
//! | `auto_mine` | `every_ms` (`null` stops), `difficulty` |

use std::error::Error;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use raftpool_chain::Hash;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Control, ControlError, NetworkState};
use crate::faults::Fault;

/// A control call that is refused, with the status it is answered with.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("there is no control call `{0}`")]
    Unknown(String),
    #[error("the parameters cannot be read")]
    Params(#[source] serde_json::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Produce {
    #[serde(default = "one")]
    count: u64,
    #[serde(default)]
    miner: Option<String>,
    #[serde(default)]
    empty: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewind {
    count: u64,
    #[serde(default)]
    return_to_mempool: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHash {
    hash: Hash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reorder {
    #[serde(default = "one")]
    depth: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    #[serde(default)]
    daemon: usize,
    #[serde(default)]
    wallet: usize,
    #[serde(
        alias = "synced",
        alias = "running",
        alias = "online",
        alias = "stalled"
    )]
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spend {
    #[serde(default = "one")]
    amount_atomic: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AutoMine {
    every_ms: Option<u64>,
    #[serde(default)]
    difficulty: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn one() -> u64 {
    1
}

/// The routes of the control listener.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/control/state", get(state))
        .route("/control/{call}", post(call))
        .with_state(control)
}

async fn state(State(control): State<Control>) -> Json<NetworkState> {
    Json(control.state())
}

async fn call(State(control): State<Control>, Path(call): Path<String>, body: Bytes) -> Response {
    match carry_out(&control, &call, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            (StatusCode::BAD_REQUEST, Json(json!({ "error": text }))).into_response()
        }
    }
}

async fn carry_out(control: &Control, call: &str, body: &[u8]) -> Result<Value, CallError> {
    match call {
        "produce_blocks" => {
            let params: Produce = read(body)?;
            let miner = params.miner.as_deref();
            let hashes = if params.empty {
                control.produce_empty_blocks(params.count, miner)?
            } else {
                control.produce_blocks(params.count, miner)?
            };
            Ok(json!({ "hashes": hashes }))
        }
        "side_block" => {
            let params: Produce = read(body)?;
            Ok(json!({ "hash": control.produce_side_block(params.miner.as_deref())? }))
        }
        "rewind" => {
            let params: Rewind = read(body)?;
            control.rewind(params.count, params.return_to_mempool)?;
            Ok(json!({ "topoheight": control.state().topoheight }))
        }
        "orphan" => Ok(json!({ "hashes": control.orphan(read::<ByHash>(body)?.hash)? })),
        "reorder" => Ok(json!({ "hashes": control.reorder(read::<Reorder>(body)?.depth)? })),
        "foreign_spend" => {
            let params: Spend = read(body)?;
            Ok(json!({ "hash": control.foreign_spend(params.amount_atomic)? }))
        }
        _ => switch(control, call, body).await,
    }
}

async fn switch(control: &Control, call: &str, body: &[u8]) -> Result<Value, CallError> {
    match call {
        "sync" => {
            let params: Switch = read(body)?;
            control.set_synced(params.daemon, params.on).await?;
        }
        "daemon" => {
            let params: Switch = read(body)?;
            if params.on {
                control.start_daemon(params.daemon).await?;
            } else {
                control.stop_daemon(params.daemon).await?;
            }
        }
        "wallet" => {
            let params: Switch = read(body)?;
            if params.on {
                control.start_wallet(params.wallet).await?;
            } else {
                control.stop_wallet(params.wallet).await?;
            }
        }
        "wallet_online" => {
            let params: Switch = read(body)?;
            control.set_wallet_online(params.wallet, params.on)?;
        }
        "stall_execution" => control.stall_execution(read::<Switch>(body)?.on),
        "return_to_mempool" => control.return_to_mempool(read::<Switch>(body)?.on),
        "drop_mempool" => {
            read::<Nothing>(body)?;
            return Ok(json!({ "dropped": control.drop_mempool() }));
        }
        "fault" => control.fault(read::<Fault>(body)?),
        "clear_faults" => {
            read::<Nothing>(body)?;
            control.clear_faults();
        }
        "auto_mine" => {
            let params: AutoMine = read(body)?;
            if let Some(difficulty) = params.difficulty {
                control.set_difficulty(difficulty.into());
            }
            control.auto_mine(params.every_ms);
        }
        _ => return Err(CallError::Unknown(call.to_owned())),
    }
    Ok(json!({}))
}

/// Parameters of a call; an empty body means an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(CallError::Params)
}

//! Methods for miners: templates, works, submitted blocks.

use raftpool_chain::{BlockHeader, MinerWork};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Called, Daemon};
use crate::{
    chain::{Chain, Work},
    rpc::{Params, RpcError, read_address, read_hex},
};

#[derive(Deserialize)]
struct TemplateParams {
    address: String,
}

#[derive(Deserialize)]
struct WorkParams {
    template: String,
    #[serde(default)]
    address: Option<String>,
}

#[derive(Deserialize)]
struct SubmitParams {
    block_template: String,
    #[serde(default)]
    miner_work: Option<String>,
}

#[derive(Deserialize)]
struct RewindParams {
    count: u64,
}

impl Daemon {
    pub(super) fn call_mining(&self, method: &str, params: &Params) -> Called {
        let params = params.clone();
        let answer = match method {
            "get_block_template" => params.read().and_then(|params: TemplateParams| {
                let key = read_address(&params.address, self.network)?;
                Ok(self.with_chain(|chain| chain.next_work(key)).to_json())
            }),
            "get_miner_work" => params
                .read()
                .and_then(|params: WorkParams| self.miner_work(&params)),
            "rewind_chain" => params.read().and_then(|params: RewindParams| {
                self.with_chain(|chain| rewind(chain, params.count))
            }),
            _ => return None,
        };
        Some(answer)
    }

    pub(super) async fn submit_block(&self, params: Params) -> Result<Value, RpcError> {
        let params: SubmitParams = params.read()?;
        let mut header = read_template(&params.block_template)?;
        if let Some(work) = params.miner_work {
            header = header.with_work(&read_work(&work)?);
        }
        self.submit_header(header).await?;
        Ok(json!(true))
    }

    fn miner_work(&self, params: &WorkParams) -> Result<Value, RpcError> {
        let mut header = read_template(&params.template)?;
        if let Some(address) = &params.address {
            header.miner_key = read_address(address, self.network)?;
        }
        Ok(self.with_chain(|chain| {
            let work = Work {
                difficulty: chain.difficulty_on(&header.tips),
                algorithm: chain.rules.algorithm,
                topoheight: chain.topoheight(),
                header,
            };
            work.to_miner_json()
        }))
    }
}

fn read_template(text: &str) -> Result<BlockHeader, RpcError> {
    BlockHeader::decode(&read_hex(text)?)
        .map_err(|_| RpcError::unspecified("Invalid block template: Invalid size"))
}

fn read_work(text: &str) -> Result<MinerWork, RpcError> {
    let bytes = read_hex(text)?;
    let bytes: [u8; 112] = bytes
        .try_into()
        .map_err(|_| RpcError::unspecified("Invalid miner work: Invalid size"))?;
    Ok(MinerWork::from_bytes(&bytes))
}

fn rewind(chain: &mut Chain, count: u64) -> Result<Value, RpcError> {
    chain.rewind(count, false).map_err(RpcError::unspecified)?;
    Ok(json!({ "topoheight": chain.topoheight(), "txs": [] }))
}

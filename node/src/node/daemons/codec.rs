//! What daemons tell, as nodes write it to each other and read it from each other.
//!
//! Reading is strict: what is missing or does not fit is a problem in words, never a default.

use raftpool_chain::{
    Address, BlockHeader, ChainBlock, ChainError, ChainInfo, Execution, Hash, Network,
    OrderedBlock, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus, Template,
};
use raftpool_pow::Difficulty;
use raftpool_proto::node as wire;
use raftpool_proto::node::{
    Nothing, Refusal, block_answer, execution_answer, submit_block_answer,
    submit_transaction_answer,
};

/// Texts of another node end up in logs and statuses; nothing legitimate is longer.
const TEXT_CHARS_MAX: usize = 1_000;

pub(super) fn write_error(error: &ChainError) -> wire::DaemonError {
    wire::DaemonError {
        text: shortened(&error.with_causes()),
        is_ambiguous: error.is_ambiguous(),
    }
}

pub(super) fn write_info(info: ChainInfo) -> wire::ChainInfo {
    wire::ChainInfo {
        network: info.network.to_string(),
        height: info.height,
        topoheight: info.topoheight,
        stable_height: info.stable_height,
        stable_topoheight: info.stable_topoheight,
        difficulty: info.difficulty.to_be_bytes_trimmed(),
        top_block_hash: info.top_block_hash.0.to_vec(),
        block_time_target_ms: info.block_time_target_ms,
        miner_reward_atomic: info.miner_reward_atomic,
        version: info.version,
        pruned_topoheight: info.pruned_topoheight,
    }
}

pub(super) fn read_info(info: wire::ChainInfo) -> Result<ChainInfo, String> {
    Ok(ChainInfo {
        network: info
            .network
            .parse::<Network>()
            .map_err(|error| shortened(&error.to_string()))?,
        height: info.height,
        topoheight: info.topoheight,
        stable_height: info.stable_height,
        stable_topoheight: info.stable_topoheight,
        difficulty: difficulty(&info.difficulty)?,
        top_block_hash: hash(&info.top_block_hash)?,
        block_time_target_ms: info.block_time_target_ms,
        miner_reward_atomic: info.miner_reward_atomic,
        pruned_topoheight: info.pruned_topoheight,
        version: shortened(&info.version),
    })
}

pub(super) fn write_sync_status(status: SyncStatus) -> wire::SyncStatus {
    wire::SyncStatus {
        our_topoheight: status.our_topoheight,
        best_topoheight: status.best_topoheight,
        peers: status.peers,
    }
}

pub(super) fn read_sync_status(status: wire::SyncStatus) -> SyncStatus {
    SyncStatus {
        our_topoheight: status.our_topoheight,
        best_topoheight: status.best_topoheight,
        peers: status.peers,
    }
}

pub(super) fn write_template(template: &Template) -> wire::Template {
    wire::Template {
        header: template.header.encode(),
        algorithm: template.algorithm.name().to_owned(),
        topoheight: template.topoheight,
        difficulty: template.difficulty.to_be_bytes_trimmed(),
        miner_reward_atomic: template.miner_reward_atomic,
    }
}

/// Height and work hash are the header's own; a template that pays anybody but `pool` is refused.
pub(super) fn read_template(template: wire::Template, pool: &Address) -> Result<Template, String> {
    let header = BlockHeader::decode(&template.header).map_err(|error| error.to_string())?;
    if header.miner_key != *pool.public_key() {
        return Err("the template pays another key".to_owned());
    }
    Ok(Template {
        work_hash: header.work_hash(),
        algorithm: template
            .algorithm
            .parse()
            .map_err(|error| format!("{error}"))?,
        height: header.height,
        topoheight: template.topoheight,
        difficulty: difficulty(&template.difficulty)?,
        miner_reward_atomic: template.miner_reward_atomic,
        header,
    })
}

pub(super) fn write_submit_block(answer: SubmitBlockAnswer) -> wire::SubmitBlockAnswer {
    use submit_block_answer::Result as Wire;
    let result = match answer {
        SubmitBlockAnswer::Accepted => Wire::Accepted(Nothing {}),
        SubmitBlockAnswer::AlreadyInChain => Wire::AlreadyInChain(Nothing {}),
        SubmitBlockAnswer::Refused { kind, message } => Wire::Refused(Refusal { kind, message }),
    };
    wire::SubmitBlockAnswer {
        result: Some(result),
    }
}

pub(super) fn read_submit_block(
    answer: wire::SubmitBlockAnswer,
) -> Result<SubmitBlockAnswer, String> {
    use submit_block_answer::Result as Wire;
    Ok(match answer.result.ok_or_else(without_content)? {
        Wire::Accepted(_) => SubmitBlockAnswer::Accepted,
        Wire::AlreadyInChain(_) => SubmitBlockAnswer::AlreadyInChain,
        Wire::Refused(refusal) => {
            let (kind, message) = words(refusal);
            SubmitBlockAnswer::Refused { kind, message }
        }
    })
}

pub(super) fn write_submit_transaction(
    answer: SubmitTransactionAnswer,
) -> wire::SubmitTransactionAnswer {
    use SubmitTransactionAnswer as Answer;
    use submit_transaction_answer::Result as Wire;
    let result = match answer {
        Answer::Accepted => Wire::Accepted(Nothing {}),
        Answer::AlreadyPending => Wire::AlreadyPending(Nothing {}),
        Answer::AlreadyExecuted => Wire::AlreadyExecuted(Nothing {}),
        Answer::NonceConflict { kind, message } => Wire::NonceConflict(Refusal { kind, message }),
        Answer::TryLater { kind, message } => Wire::TryLater(Refusal { kind, message }),
        Answer::Refused { kind, message } => Wire::Refused(Refusal { kind, message }),
    };
    wire::SubmitTransactionAnswer {
        result: Some(result),
    }
}

pub(super) fn read_submit_transaction(
    answer: wire::SubmitTransactionAnswer,
) -> Result<SubmitTransactionAnswer, String> {
    use SubmitTransactionAnswer as Answer;
    use submit_transaction_answer::Result as Wire;
    Ok(match answer.result.ok_or_else(without_content)? {
        Wire::Accepted(_) => Answer::Accepted,
        Wire::AlreadyPending(_) => Answer::AlreadyPending,
        Wire::AlreadyExecuted(_) => Answer::AlreadyExecuted,
        Wire::NonceConflict(refusal) => {
            let (kind, message) = words(refusal);
            Answer::NonceConflict { kind, message }
        }
        Wire::TryLater(refusal) => {
            let (kind, message) = words(refusal);
            Answer::TryLater { kind, message }
        }
        Wire::Refused(refusal) => {
            let (kind, message) = words(refusal);
            Answer::Refused { kind, message }
        }
    })
}

pub(super) fn write_block(block: Option<ChainBlock>) -> wire::BlockAnswer {
    use block_answer::Result as Wire;
    let known = |block: ChainBlock| Wire::Known(write_chain_block(block));
    wire::BlockAnswer {
        result: Some(block.map_or(Wire::Unknown(Nothing {}), known)),
    }
}

/// `asked` is the hash that was asked for.
pub(super) fn read_block(
    answer: wire::BlockAnswer,
    asked: Hash,
) -> Result<Option<ChainBlock>, String> {
    let block = match answer.result.ok_or_else(without_content)? {
        block_answer::Result::Known(block) => block,
        block_answer::Result::Unknown(_) => return Ok(None),
    };
    let block = read_chain_block(block)?;
    if block.hash != asked {
        return Err(format!("it is the block {}", block.hash));
    }
    Ok(Some(block))
}

pub(super) fn write_ordered_blocks(blocks: Vec<ChainBlock>) -> wire::OrderedBlocks {
    let blocks = blocks.into_iter().map(write_chain_block);
    wire::OrderedBlocks {
        blocks: blocks.collect(),
    }
}

/// All blocks from `first_topoheight` to `last_topoheight`, or the problem.
pub(super) fn read_ordered_blocks(
    answer: wire::OrderedBlocks,
    first_topoheight: u64,
    last_topoheight: u64,
) -> Result<Vec<ChainBlock>, String> {
    let asked = first_topoheight..=last_topoheight;
    let blocks: Vec<ChainBlock> = answer
        .blocks
        .into_iter()
        .map(read_chain_block)
        .collect::<Result<_, _>>()?;
    let found = blocks
        .iter()
        .map(|block| block.ordered.map(|ordered| ordered.topoheight));
    if !found.eq(asked.map(Some)) {
        return Err(format!(
            "they are not the blocks from {first_topoheight} to {last_topoheight}"
        ));
    }
    Ok(blocks)
}

fn write_chain_block(block: ChainBlock) -> wire::ChainBlock {
    wire::ChainBlock {
        hash: block.hash.0.to_vec(),
        height: block.height,
        miner: block.miner,
        difficulty: block.difficulty.to_be_bytes_trimmed(),
        timestamp_ms: block.timestamp_ms,
        ordered: block.ordered.map(|ordered| wire::OrderedBlock {
            topoheight: ordered.topoheight,
            miner_reward_atomic: ordered.miner_reward_atomic,
            total_fees_atomic: ordered.total_fees_atomic,
        }),
    }
}

fn read_chain_block(block: wire::ChainBlock) -> Result<ChainBlock, String> {
    Ok(ChainBlock {
        hash: hash(&block.hash)?,
        height: block.height,
        miner: shortened(&block.miner),
        difficulty: difficulty(&block.difficulty)?,
        timestamp_ms: block.timestamp_ms,
        ordered: block.ordered.map(|ordered| OrderedBlock {
            topoheight: ordered.topoheight,
            miner_reward_atomic: ordered.miner_reward_atomic,
            total_fees_atomic: ordered.total_fees_atomic,
        }),
    })
}

pub(super) fn write_execution(execution: Option<Execution>) -> wire::ExecutionAnswer {
    use execution_answer::Result as Wire;
    let executed = |execution: Execution| {
        Wire::Executed(wire::Execution {
            block_hash: execution.block_hash.0.to_vec(),
            topoheight: execution.topoheight,
        })
    };
    wire::ExecutionAnswer {
        result: Some(execution.map_or(Wire::NotExecuted(Nothing {}), executed)),
    }
}

pub(super) fn read_execution(answer: wire::ExecutionAnswer) -> Result<Option<Execution>, String> {
    match answer.result.ok_or_else(without_content)? {
        execution_answer::Result::Executed(execution) => Ok(Some(Execution {
            block_hash: hash(&execution.block_hash)?,
            topoheight: execution.topoheight,
        })),
        execution_answer::Result::NotExecuted(_) => Ok(None),
    }
}

pub(super) fn hash(bytes: &[u8]) -> Result<Hash, String> {
    let bytes = bytes
        .try_into()
        .map_err(|_| format!("a hash has 32 bytes, not {}", bytes.len()))?;
    Ok(Hash(bytes))
}

/// The beginning of a text, on one line.
pub(super) fn shortened(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(TEXT_CHARS_MAX)
        .collect()
}

fn difficulty(bytes: &[u8]) -> Result<Difficulty, String> {
    Difficulty::from_be_bytes(bytes).map_err(|error| error.to_string())
}

fn words(refusal: Refusal) -> (String, String) {
    (shortened(&refusal.kind), shortened(&refusal.message))
}

fn without_content() -> String {
    "the answer has no content".to_owned()
}

//! What the daemon's error objects mean.
//!
//! The `kind` gets lost (`UNSPECIFIED`) whenever the daemon wrapped the error with context, so the
//! text decides too. Only what is recognised gets a meaning; everything else stays an error.

use crate::{
    daemon::{SubmitBlockAnswer, SubmitTransactionAnswer},
    error::ChainError,
    rpc::UNSPECIFIED,
};

/// The daemon could not use the parameters, or does not know what they name.
const INVALID_PARAMS: i64 = -32602;
/// The rules of the chain or the state of the daemon forbid it.
const DOMAIN: i64 = -32004;

/// A judgement about what was sent, as opposed to a failure of the daemon.
struct Refusal<'a> {
    code: i64,
    kind: &'a str,
    text: String,
}

impl<'a> Refusal<'a> {
    fn of(error: &'a ChainError) -> Option<Self> {
        match error {
            ChainError::Rpc {
                code,
                kind,
                message,
                ..
            } if [INVALID_PARAMS, DOMAIN].contains(code) => Some(Self {
                code: *code,
                kind,
                text: message.to_lowercase(),
            }),
            _ => None,
        }
    }

    /// Whether it is of this kind, or of a kind that got lost but with one of these texts.
    fn is(&self, kind: &str, texts: &[&str]) -> bool {
        let text_matches = || texts.iter().any(|text| self.text.contains(text));
        self.kind == kind || (self.kind == UNSPECIFIED && text_matches())
    }
}

pub(super) fn is_unknown_block(error: &ChainError) -> bool {
    Refusal::of(error)
        .is_some_and(|refusal| refusal.code == INVALID_PARAMS && refusal.text.contains("not found"))
}

pub(super) fn is_p2p_off(error: &ChainError) -> bool {
    Refusal::of(error)
        .is_some_and(|refusal| refusal.text.contains("p2p") && refusal.text.contains("not running"))
}

pub(super) fn is_not_executed(error: &ChainError) -> bool {
    Refusal::of(error).is_some_and(|refusal| {
        refusal.code == DOMAIN && refusal.is("NOT_FOUND_ON_DISK", &["data not found on disk"])
    })
}

pub(super) fn is_unknown_transaction(error: &ChainError) -> bool {
    Refusal::of(error).is_some_and(|refusal| {
        refusal.code == DOMAIN && refusal.is("TX_NOT_FOUND", &["not found in mempool"])
    })
}

pub(super) fn is_nothing_pending(error: &ChainError) -> bool {
    Refusal::of(error).is_some_and(|refusal| {
        refusal.code == DOMAIN && refusal.is("ACCOUNT_NOT_FOUND", &["account not found"])
    })
}

pub(super) fn of_block(error: ChainError) -> Result<SubmitBlockAnswer, ChainError> {
    let Some(refusal) = Refusal::of(&error) else {
        return Err(error);
    };
    if refusal.is("ALREADY_IN_CHAIN", &["already in chain"]) {
        return Ok(SubmitBlockAnswer::AlreadyInChain);
    }
    let (kind, message) = words(error)?;
    Ok(SubmitBlockAnswer::Refused { kind, message })
}

pub(super) fn of_transaction(error: ChainError) -> Result<SubmitTransactionAnswer, ChainError> {
    let Some(refusal) = Refusal::of(&error) else {
        return Err(error);
    };
    if refusal.is("TX_ALREADY_IN_MEMPOOL", &["already in mempool"]) {
        return Ok(SubmitTransactionAnswer::AlreadyPending);
    }
    if refusal.is("TX_ALREADY_IN_BLOCKCHAIN", &["already in blockchain"]) {
        return Ok(SubmitTransactionAnswer::AlreadyExecuted);
    }
    let try_later = refusal
        .is("INVALID_REFERENCE_BLOCK_HEIGHT", &["higher than stable height"])
        // The daemon is behind the chain state the transaction refers to.
        || refusal.is("INVALID_REFERENCE_TOPOHEIGHT", &["reference topoheight"])
        || refusal.is("MEMPOOL_MEMORY_LIMIT", &["mempool memory limit", "mempool is full"]);
    let nonce_conflict = refusal.is("TX_NONCE_ALREADY_USED", &["nonce"])
        || ["INVALID_NONCE", "INVALID_TX_NONCE_MEMPOOL_CACHE"].contains(&refusal.kind);
    let (kind, message) = words(error)?;
    Ok(if try_later {
        SubmitTransactionAnswer::TryLater { kind, message }
    } else if nonce_conflict {
        SubmitTransactionAnswer::NonceConflict { kind, message }
    } else {
        SubmitTransactionAnswer::Refused { kind, message }
    })
}

fn words(error: ChainError) -> Result<(String, String), ChainError> {
    match error {
        ChainError::Rpc { kind, message, .. } => Ok((kind, message)),
        other => Err(other),
    }
}

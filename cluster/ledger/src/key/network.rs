//! Keys of what the chain says: samples of its fees, and blocks that are in no account.

use super::{
    Key, KeyRange, NETWORK_FEES, NETWORK_SAMPLE, STRAY_BLOCK, STRAY_BLOCKS, kind, under,
    with_number,
};

pub(crate) fn network_fees() -> Key {
    kind(NETWORK_FEES)
}

pub(crate) fn network_sample(first_topoheight: u64) -> Key {
    with_number(kind(NETWORK_SAMPLE), first_topoheight)
}

/// Samples that begin below a topoheight, or all.
pub(crate) fn network_samples_below(topoheight: Option<u64>) -> KeyRange {
    let (start, end) = under(kind(NETWORK_SAMPLE));
    (start, topoheight.map_or(end, network_sample))
}

pub(crate) fn stray_blocks_head() -> Key {
    kind(STRAY_BLOCKS)
}

pub(crate) fn stray_block(hash: &[u8]) -> Key {
    let mut key = kind(STRAY_BLOCK);
    key.extend_from_slice(hash);
    key
}

pub(crate) fn stray_blocks() -> KeyRange {
    under(kind(STRAY_BLOCK))
}

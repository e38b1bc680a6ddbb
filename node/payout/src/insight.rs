//! What the driver lets others see of its memory: what the chain says of the open payout's nonce,
//! and whom it leaves out.
//!
//! A snapshot after each step; none of it matters for what the driver does.

use crate::payees::Suspicion;

/// What the chain says of the nonce of a signed payout, as this node saw it last while leading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonceFacts {
    /// The payout.
    pub payout_id: u64,
    /// The nonce it is bound to.
    pub nonce: u64,
    /// The account's next nonce where the chain is stable.
    pub stable_nonce: u64,
    /// The account's next nonce at the top.
    pub top_nonce: u64,
    /// Up to here the chain does not change.
    pub stable_topoheight: u64,
    /// Whether the nonce is used up for good by none of the payout's transactions: seen again and
    /// again, and no daemon knows one of them as executed.
    pub is_used_by_another: bool,
    /// When it was seen, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The driver's memory as others see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Insight {
    /// Whether the driver leads, as of its newest step.
    pub(crate) is_leading: bool,
    pub(crate) nonce: Option<NonceFacts>,
    pub(crate) suspicion: Suspicion,
}

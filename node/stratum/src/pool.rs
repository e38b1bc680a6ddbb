//! What all sessions share, whatever they speak.

use std::sync::Arc;

use crate::authorize::Authorizer;
use crate::extra_nonce::ExtraNonces;
use crate::jobs::JobBoard;
use crate::limits::ConnectionLimits;
use crate::pipeline::Pipeline;
use crate::roll::Roll;

/// The pool as a session sees it.
pub(crate) struct Pool {
    pub(crate) board: Arc<JobBoard>,
    pub(crate) pipeline: Pipeline,
    pub(crate) authorizer: Authorizer,
    /// Who works.
    pub(crate) roll: Arc<Roll>,
    pub(crate) limits: Arc<ConnectionLimits>,
    pub(crate) extra_nonces: ExtraNonces,
    /// Hex, as subscribe answers carry it.
    pub(crate) miner_key_hex: String,
    pub(crate) malformed_lines_max: u32,
    pub(crate) requests_before_authorization_max: u32,
}

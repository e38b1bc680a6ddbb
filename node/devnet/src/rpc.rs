//! JSON-RPC 2.0 as the official daemon and wallet speak it, over HTTP and WebSocket.

mod error;
mod http;
mod params;
mod process;

pub(crate) use error::RpcError;
pub(crate) use http::answer_http;
pub(crate) use params::{Params, read_address, read_hash, read_hex};
pub(crate) use process::{Outcome, process, read_request, wrap};

use std::future::Future;

use serde_json::Value;

use crate::faults::{Endpoint, Faults};

/// One interface with its methods.
pub(crate) trait Service: Send + Sync + 'static {
    /// Which interface this is, for the faults.
    fn endpoint(&self) -> Endpoint;
    /// Which of several daemons or wallets.
    fn index(&self) -> usize;
    /// The faults to suffer.
    fn faults(&self) -> &Faults;
    /// Carries out one call.
    fn call(
        &self,
        method: &str,
        params: Params,
    ) -> impl Future<Output = Result<Value, RpcError>> + Send;
}

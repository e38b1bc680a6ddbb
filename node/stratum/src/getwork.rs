//! The getwork dialect, which the official miner speaks: the daemon's own WebSocket, with shares
//! in the place of blocks.
//!
//! It differs from stratum in what a share is. A miner returns the whole work, of which it may
//! have changed the nonce, the timestamp and the end of the extra nonce. So a share is compared
//! with the jobs that were sent over its connection (module `works`) before anything else.
//!
//! The official miner's threads stop after a hit until the next job, and each begins a job with
//! the same nonce. So every answer to a share is followed by a job, and every job that is sent has
//! an extra nonce of its own: no work is done twice, and a share says itself which job it is for.
//!
//! From the outside in: `server::getwork` takes the HTTP request, `socket` reads and writes
//! messages, `session` says what follows from them.

mod protocol;
mod session;
mod socket;

pub(crate) use protocol::{read, read_work};
pub(crate) use session::Session;
pub(crate) use socket::Socket;

//! The Xatum dialect: lines of a word, a tilde and JSON, meant to be spoken over TLS.
//!
//! It carries what getwork does, so a share is compared with the jobs that were sent over its
//! connection in the same way (module `works`). The hash that a miner sends along can only speak
//! against its share; what is credited is always hashed here.
//!
//! There is no request for a password in it. A handshake may have one all the same, as `pass`, for
//! what stratum miners say in theirs.

mod protocol;
mod session;

pub(crate) use protocol::{Message, is_message, parse, write_farewell, write_job};
pub(crate) use session::Session;

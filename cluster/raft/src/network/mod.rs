//! How nodes reach each other: gRPC over mutual TLS.
//!
//! `client` is what openraft sends through, `service` what answers. Every call has a deadline of
//! its own, goes over the channel of its peer and purpose, and carries an envelope that says who
//! calls whom.

mod dial;

mod channels;

mod client;

mod envelope;

mod listener;

mod service;

mod snapshot;

mod convert;

mod outcome;

#[cfg(test)]
mod tests;

pub(crate) use channels::{CallError, Channels, Purpose};
pub(crate) use client::Network;
pub(crate) use convert::{checkpoint_messages, checkpoints_of, member_message, member_of};
pub(crate) use dial::Dialer;
pub use dial::{InvalidAddress, PeerAddress, UnknownPeer, look_up_peer};
pub(crate) use envelope::ANYBODY;
pub(crate) use listener::{Listener, bind};
pub(crate) use outcome::outcome_of;
pub(crate) use service::Service;

/// The generated messages and service; see `peer.proto` for each field.
#[allow(missing_docs, clippy::too_many_lines)]
pub(crate) mod peer {
    tonic::include_proto!("raftpool.peer.v1");
}

/// Larger messages are not read: entries are sent in pieces of about 1 MiB, and one command may
/// have 8 MiB.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;

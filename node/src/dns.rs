//! An authoritative name server for the pool's own name, so that the name points to living nodes
//! without anybody else's help. Off unless `[dns]` is configured.
//!
//! It answers from memory: from the zone of the configuration and from what the nodes said of
//! themselves within the last second. It never asks another server, and knows nothing outside of
//! its zone. Only hickory's messages are used and not its server, which takes any number of TCP
//! connections; here they are bounded, since a name server must not use up a node's sockets.

mod answer;
mod limit;
mod metrics;
mod roster;
mod server;
mod zone;

pub(crate) use roster::{Host, Roster};
pub(crate) use server::DnsServer;
pub(crate) use zone::Zone;

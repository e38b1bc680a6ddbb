//! The stream of events: what happens to blocks and payouts, once and in order, whichever node tells
//! of it.
//!
//! Blocks and payouts change by commands, and each change that moves money is an entry of the
//! journal under the index of its command. Events are read from there and from nothing that one node
//! happened to see: the id of an event is an index of the log, and whoever says up to which index he
//! has read gets the rest from any node, nothing twice and nothing never. The pool, the nodes and
//! miners are told as they are; there the newest word counts, and none needs to be repeated.
//!
//! One task reads for all streams ([`hub`]); a stream ([`stream`]) keeps only its place. What streams
//! wait for is kept once, in a ring: who does not read for as long as that is told to ask anew.

mod changes;
mod hub;
mod stream;
mod topics;

pub(crate) use hub::Hub;
pub(crate) use stream::open;
pub(crate) use topics::Topics;

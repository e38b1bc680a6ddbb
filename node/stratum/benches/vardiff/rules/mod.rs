//! The peers' rules, written anew from what their sources do.

mod ckpool;
mod miningcore;
mod nomp;

pub(crate) use ckpool::Ckpool;
pub(crate) use miningcore::Miningcore;
pub(crate) use nomp::Nomp;

//! Proof of work of XELIS: the three versions of XelisHash, difficulty and target.
//!
//! [`Hasher`] turns a 112-byte work into its hash, [`Target`] says whether that hash is a solution.
//! Versions 2 and 3 exist twice: `portable` follows the definition word by word, `fast` does
//! the same arithmetic with the divisions and square roots a processor is quick at. Both must give
//! the same bytes for every input, also where the algorithm itself is odd: the square root of
//! version 3 is not a square root for the largest numbers (see `arithmetic`).
//!
//! This crate knows nothing of blocks, jobs or networks. It never panics, whatever the bytes, and
//! it depends on no wrap-around of plain operators, so it may be built with overflow checks.

#![deny(unsafe_code)]

// In reading order: names and numbers, the entry point, then how it is done.
mod error;

mod algorithm;

mod difficulty;

mod hasher;

mod scratchpad;

mod arithmetic;

mod portable;

mod fast;

pub mod bench;

pub use algorithm::Algorithm;
pub use difficulty::{Difficulty, Target};
pub use error::PowError;
pub use hasher::Hasher;

/// Length in bytes of the block work that is hashed (a `MinerWork`).
pub const WORK_SIZE: usize = 112;

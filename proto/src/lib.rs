//! Generated types of everything that crosses a process or a version of the program.
//!
//! No I/O and no logic: the ledger gives commands their meaning.

#![forbid(unsafe_code)]

/// The replicated commands; see `proto/command.proto` for the meaning and units of each field.
#[allow(missing_docs)]
pub mod command {
    include!(concat!(env!("OUT_DIR"), "/raftpool.command.v1.rs"));
}

//! Generated types of everything that crosses a process or a version of the program.
//!
//! No I/O and no logic: the ledger gives commands and records their meaning.

#![forbid(unsafe_code)]

pub use raftpool::command::v1 as command;
pub use raftpool::ledger::v1 as ledger;
pub use raftpool::node::v1 as node;

/// The protobuf packages, nested as the generated code expects to find them.
#[allow(missing_docs)]
mod raftpool {
    pub mod command {
        /// The replicated commands; see `proto/command.proto` for each field.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/raftpool.command.v1.rs"));
        }
    }
    pub mod ledger {
        /// The ledger's records; see `proto/ledger.proto` for each field.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/raftpool.ledger.v1.rs"));
        }
    }
    pub mod node {
        /// What nodes ask each other beside consensus; see `proto/node.proto` for each field.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/raftpool.node.v1.rs"));
        }
    }
}

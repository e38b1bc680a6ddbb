//! A node of the replicated log: openraft over the store, behind the ledger's cluster handle.
//!
//! [`RaftNode::start`] opens the data directory, founds a cluster of one in an empty one or
//! recovers. With [`PeerSettings`] the node is, or becomes, a member of a cluster of several: nodes
//! reach each other over mutual TLS, any of them takes proposals, and members are added and removed
//! while it runs. The node implements
//! [`raftpool_ledger::Cluster`]; nobody else needs to know that there is Raft.
//!
//! Surprising: [`ProposeError::Stopped`](raftpool_ledger::cluster::ProposeError::Stopped) says
//! nothing about the fate of the proposal, only that this process must end; what was proposed is
//! proposed again, with the same ids, after the restart.

#![forbid(unsafe_code)]

mod config;

mod node;

mod joining;

mod propose;

mod admission;

mod read;

mod handle;

mod membership;

mod change;

mod version;

mod monitor;

mod divergence;

mod status;

mod ask;

mod backup;

pub mod certificates;

mod network;

mod error;

pub use ask::{AskError, NodeStatus, PeerService};
pub use certificates::{CertificateAuthority, CertificateError, PeerName, certified_name};
pub use config::{LogPolicy, PeerSettings, RaftNodeConfig, Timing};
pub use error::RaftNodeError;
pub use membership::{ChangeError, Member};
pub use network::{InvalidAddress, PeerAddress, UnknownPeer, look_up_peer};
pub use node::RaftNode;
pub use raftpool_store::{Identity, LatencyHistogram, LogStatus, StateStatus, stored_identity};
pub use status::{PeerStatus, ProposalCounts, RaftStatus, Role};

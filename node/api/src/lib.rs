//! The pool over HTTP: REST under `/api/v1`, metrics, health, and one small page for people.
//!
//! Every answer is computed from one consistent read of the ledger and carries the log index of
//! that read, so a client that moves to another node can ask for a state that is "not older".
//! The public listener reads, and proposes what owners of addresses change with a session of their
//! own. Operators have a listener of their own, [`admin`], on a Unix-domain socket: all other
//! commands are proposed there. The cluster
//! is known only as the [`raftpool_ledger::Cluster`] handle. Ledger types are never serialized;
//! [`dto`] has the wire types. What only the running process knows comes through [`LiveFacts`],
//! and what it knows of the other nodes through [`ClusterControl`].
//!
//! What may surprise: the health answers are made here, but `/livez` touches neither the
//! cluster nor the daemons, so that a node that waits for a quorum is not restarted for it.

#![forbid(unsafe_code)]

pub mod bans;
pub mod control;
pub mod drain;
pub mod facts;
pub mod issuer;
pub mod payouts;

mod backups;
pub mod server;

pub mod admin;

mod app;
mod census;
mod document;
mod events;
mod guard;
mod health;
mod owners;
mod proposing;
mod rates;
mod routes;
mod site;
mod summary;
mod weights;

mod parameters;
mod problem;
mod reading;

pub mod dto;
mod number;

mod metrics;

pub use admin::{AdminError, AdminParts, AdminServer};
pub use backups::{BackupControl, BackupMade};
pub use bans::{LocalBan, LocalBanOf, LocalBans};
pub use control::{ChangeRefusal, ClusterControl, MemberChanged};
pub use document::openapi_json;
pub use drain::DrainControl;
pub use facts::{
    About, BuildFacts, Condition, DaemonFacts, LiveFacts, NodeFacts, PayoutFacts,
    RefusedWorkerFacts, SessionFacts, TemplateFacts,
};
pub use health::{HealthError, HealthParts, HealthServer};
pub use issuer::TokenIssuer;
pub use payouts::{Finding, PayoutInsight};
pub use server::{ApiConfig, ApiError, ApiParts, ApiServer};
pub use site::SiteFile;

//! Thousands of emulated miners in one process, and what they saw: `raftpool loadgen`.
//!
//! An emulated miner is one task that never hashes. Its shares count because the pool is asked for
//! difficulty 1, which every hash meets; so the pool does all the work of a share and this process
//! next to none. Shares come at times that are fixed beforehand and are measured from those times:
//! a pool that stands still for a second cannot make its load stand still too, and every share
//! that should have been sent in that second counts with the time it had to wait.
//!
//! What an emulated miner costs is kept small, and reported: it reads into a buffer on the stack,
//! and a job that many of them get is read once ([`jobs`]).
//!
//! Reading order: [`config`](LoadConfig), [`run`], one emulated miner ([`miner`], [`mining`],
//! [`session`], [`stratum`], [`getwork`]), and the [`report`](LoadReport).

mod chance;
mod config;
mod cost;
mod getwork;
mod jobs;
mod miner;
mod mining;
mod pace;
mod report;
mod run;
mod session;
mod share;
mod stratum;
mod tally;
mod text;
mod tls;
mod wire;

pub use config::{LoadConfig, LoadError, LoadProtocol, Mix, Rate, STALE_AGE_JOBS};
pub use report::{
    FanOutReport, JobReport, KindReport, LoadReport, OwnReport, Quantiles, RefusalReport,
};
pub use run::Load;
pub use share::Kind;
pub use tls::{LoadTls, Trust};

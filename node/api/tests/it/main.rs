//! The API over real HTTP, against a ledger in memory that was filled by real commands.

mod admin;
mod bans;
mod books;
mod chain;
mod document;
mod doubles;
mod health;
mod hostile;
mod lateness;
mod limits;
mod members;
mod metrics;
mod miners;
mod refusals;
mod resources;
mod rules;
mod series;
mod server;
mod socket;
mod support;
mod tokens;

//! The API over real HTTP, against a ledger in memory that was filled by real commands.

mod admin;
mod bans;
mod books;
mod chain;
mod contract;
mod document;
mod doubles;
mod events;
mod health;
mod hostile;
mod lateness;
mod limits;
mod manners;
mod members;
mod metrics;
mod miners;
mod numbers;
mod refusals;
mod resources;
mod rules;
mod series;
mod server;
mod site;
mod socket;
mod support;
mod tokens;

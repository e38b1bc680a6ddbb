//! Fuzz targets for everything a stranger's bytes reach: each a test that begins with its corpus,
//! goes on with mutations of it for `RAFTPOOL_FUZZ_SECONDS` (2), and keeps what brought a new
//! outcome. Nothing but stable Rust is needed; `make fuzz SECONDS=3600` runs them for long.
//!
//! `RAFTPOOL_TEST_SEED` repeats a run. An input that fails is made as small as it gets and printed;
//! put into the corpus, it stays a test for ever.

#![forbid(unsafe_code)]
// Helpers of tests fail by panicking, like the tests themselves.
#![allow(clippy::unwrap_used)]

mod corpus;
mod engine;
#[allow(dead_code, reason = "the fuzz targets need a part of it")]
#[path = "../stratum/harness/mod.rs"]
mod harness;
mod mutate;
mod oracle;
mod sessions;

use raftpool_stratum::{Speaks, fuzzing};

use corpus::{bytes, files, lines};
use engine::fuzz;

#[test]
fn line_codec() {
    fuzz("line_codec", files("line_codec"), fuzzing::lines);
}

#[test]
fn stratum_request() {
    fuzz("stratum_request", lines("stratum"), fuzzing::request);
}

#[test]
fn xatum_message() {
    fuzz("xatum_message", lines("xatum"), fuzzing::xatum_message);
}

#[test]
fn getwork_message() {
    fuzz(
        "getwork_message",
        lines("getwork"),
        fuzzing::getwork_message,
    );
}

#[test]
fn getwork_address() {
    let seeds = lines("getwork_address");
    fuzz("getwork_address", seeds, fuzzing::getwork_address);
}

#[test]
fn proxy_header() {
    fuzz("proxy_header", bytes("proxy_header"), fuzzing::proxy_header);
}

#[test]
fn stratum_session() {
    let mut seeds = files("stratum");
    seeds.extend(files("xatum"));
    sessions::fuzz_sessions("stratum_session", Speaks::Stratum, seeds);
}

#[test]
fn xatum_session() {
    sessions::fuzz_sessions("xatum_session", Speaks::Xatum, files("xatum"));
}

#[test]
fn getwork_session() {
    sessions::fuzz_sessions("getwork_session", Speaks::Getwork, files("getwork"));
}

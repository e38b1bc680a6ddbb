//! Clusters of real processes under faults: singly, mixed at random, and with a program that does
//! wrong on purpose (promises P1 to P4 and P6).
//!
//! `RAFTPOOL_TEST_SEED=7` repeats a random run, `RAFTPOOL_TEST_SEEDS=100` makes so many new ones
//! (`make chaos SEEDS=100`).

mod broken_off;
mod controls;
mod mixed;
mod single;

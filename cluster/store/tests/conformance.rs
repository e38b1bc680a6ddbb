//! openraft's own suite for storage.

#![allow(clippy::unwrap_used)]

mod common;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use raftpool_store::{LogStore, StateStore, Store, TypeConfig};
use tempfile::TempDir;

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateStore, (Store, TempDir)> for Builder {
    async fn build(
        &self,
    ) -> Result<((Store, TempDir), LogStore, StateStore), StorageError<TypeConfig>> {
        let directory = tempfile::tempdir().unwrap();
        let store = common::open(directory.path());
        let (log, state) = (store.log(), store.state());
        Ok(((store, directory), log, state))
    }
}

#[test]
fn log_and_state_pass_the_suite_of_openraft() {
    TypeConfig::run(async { Suite::test_all(Builder).await.unwrap() });
}

# Raftpool's commands. Each target installs what it needs or says which command would.
# Build results live outside the clone, so that a fresh clone on the same machine builds fast.

export RAFTPOOL_CACHE ?= $(HOME)/.cache/raftpool
export CARGO_TARGET_DIR ?= $(RAFTPOOL_CACHE)/target
export ROCKSDB_LIB_DIR ?= $(RAFTPOOL_CACHE)/rocksdb-$(shell ops/setup/rocksdb-version.sh)
export ROCKSDB_STATIC ?= 1

.PHONY: help setup dashboard build release demo demo-kill test-tools test browser lint fix openapi reference bench soak chaos matrix fuzz

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: ## check the tools, install what is missing, build RocksDB once
	@ops/setup/setup.sh
	@cargo fetch --locked --quiet # of every platform: the architecture test looks at the whole graph offline

dashboard: setup ## build the pages that every node serves
	@ops/setup/dashboard.sh

# All of the workspace is selected everywhere: cargo then settles the features of every library once,
# and the program, the tests and the benchmarks share what is built.
build: setup dashboard ## build the program
	cargo build --locked --workspace --bin raftpool

release: setup dashboard ## build the program for production
	cargo build --locked --release --workspace --bin raftpool

demo: build ## a simulated XELIS network, three nodes and three miners, on one screen
	@$(CARGO_TARGET_DIR)/debug/raftpool demo $(DEMO_FLAGS)

demo-kill: ## kill a node of the demo that runs: make demo-kill NODE=1
	@$(CARGO_TARGET_DIR)/debug/raftpool demo kill $(or $(NODE),1)

test-tools: setup ## install what only the tests need, and build the program of the previous release
	@ops/setup/test-tools.sh
	@ops/setup/previous-release.sh

test: lint build test-tools ## formatting, lints and every test
	cd dashboard && npm run --silent test
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory browser

browser: build ## the pages in Chromium, against three nodes; leaves pictures in dashboard/e2e/shots
	@ops/setup/dashboard.sh --browser
	cd dashboard && npm run --silent browser

lint: setup dashboard ## formatting and lints, without changing anything
	cd dashboard && npm run --silent lint && npm run --silent check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings

fix: setup dashboard ## format, and apply what the lints can mend by themselves
	cd dashboard && npm run --silent fix
	cargo clippy --locked --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all

openapi: setup dashboard ## write the document of the API anew (dashboard/openapi.json), and its types
	UPDATE_EXPECT=1 cargo test --locked --workspace --test it -- the_committed_document
	cd dashboard && npm run --silent gen

reference: setup dashboard ## write the reference of the configuration anew (ops/config/reference.md)
	UPDATE_EXPECT=1 cargo test --locked --workspace --lib -- the_committed_reference

bench: release ## print the measured figures, optimised build
	$(CARGO_TARGET_DIR)/release/raftpool pow bench
	cargo bench --locked --workspace --bench apply
	cargo bench --locked --workspace --bench books
	cargo bench --locked --workspace --bench commit
	cargo bench --locked --workspace --bench connections
	cargo bench --locked --workspace --bench api
	cargo bench --locked --workspace --bench attack
	cargo bench --locked --workspace --bench vardiff
	cargo bench --locked --workspace --bench pool
	cargo bench --locked --workspace --bench cluster
	cargo bench --locked --workspace --bench catch_up

soak: build ## the crash tests with many more rounds: make soak ROUNDS=200
	RAFTPOOL_TEST_ROUNDS=$(or $(ROUNDS),200) cargo test --locked --workspace --test crash -- --nocapture

chaos: build ## clusters under random faults: make chaos SEEDS=100
	RAFTPOOL_TEST_SEEDS=$(or $(SEEDS),100) cargo test --locked --workspace --test chaos -- mixed_at_random --nocapture

matrix: build ## every death of the leader with every trouble of a payout, on three nodes: make matrix ONLY=inside-send
	RAFTPOOL_TEST_MATRIX=$(if $(ONLY),"$(ONLY)",all) cargo test --locked --workspace --test payout_matrix -- whenever --nocapture

fuzz: setup ## fuzz what miners send, each target for so long: make fuzz SECONDS=3600
	RAFTPOOL_FUZZ_SECONDS=$(or $(SECONDS),3600) cargo test --locked --workspace --test fuzz -- --nocapture $(TARGET)

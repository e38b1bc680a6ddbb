#!/usr/bin/env bash
# Prints the version of librocksdb-sys in the lock file: the static library is kept by it.
set -euo pipefail
cd "$(dirname "$0")/../.."
awk '/^name = "librocksdb-sys"$/ { getline; gsub(/version = |"/, ""); print; exit }' Cargo.lock

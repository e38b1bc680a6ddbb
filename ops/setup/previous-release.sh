#!/usr/bin/env bash
# Builds the program of the previous release (tests/previous-release), which the upgrade tests run beside
# the new one. Once for each commit, a few minutes; safe to run again, and does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/setup/packages.sh

cache=${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}
built=${CARGO_TARGET_DIR:-$cache/target}
commit=$(grep -E '^[0-9a-f]{40}$' tests/previous-release) ||
  fail "tests/previous-release names no commit: one line of 40 hexadecimal digits"
directory=$cache/previous-$commit
[ ! -x "$directory/raftpool" ] || exit 0

# A shallow clone lacks it; the one commit is all that is needed.
fetch_commit() {
  git cat-file -e "$commit^{commit}" 2>/dev/null && return
  say "fetching commit $commit"
  git fetch --quiet --depth 1 origin "$commit" 2>/dev/null && return
  say "the previous release, commit $commit, is not in this clone and cannot be fetched, so that upgrades from it are not tried: run \`git fetch --unshallow\` where the network is, or put its program into $directory/raftpool"
  exit 0
}

# What is not ours is the same nearly always: cargo takes what fits and builds the rest. Copied, because
# cargo does not tell two clones apart that share a directory.
seed_target() {
  local part
  [ -d "$built/debug/deps" ] || return 0
  cp "$built/.rustc_info.json" "$work/target/" 2>/dev/null || true
  for part in deps build .fingerprint; do
    mkdir -p "$work/target/debug/$part"
    (cd "$built/debug/$part" && find . -mindepth 1 -maxdepth 1 -not -iname '*raftpool*' -print0 |
      tar --create --file=- --null --files-from=-) | tar --extract --file=- --directory="$work/target/debug/$part"
  done
}

build() {
  cd "$work/sources"
  RAFTPOOL_CACHE=$cache ops/setup/setup.sh
  ROCKSDB_LIB_DIR=$cache/rocksdb-$(ops/setup/rocksdb-version.sh) ROCKSDB_STATIC=1 CARGO_INCREMENTAL=0 \
    cargo build --locked --quiet --workspace --bin raftpool --target-dir "$work/target"
}

fetch_commit
say "building the previous release, commit $commit (once; kept in $directory)"
mkdir -p "$directory"
work=$(mktemp -d "$directory/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/target"
git archive "$commit" | tar --extract --file=- --directory="$work/sources"
seed_target
(build)
# Renamed into place, so that what is there is whole.
mv "$work/target/debug/raftpool" "$directory/raftpool"

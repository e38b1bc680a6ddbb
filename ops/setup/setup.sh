#!/usr/bin/env bash
# Makes this machine able to build and test Raftpool: checks the tools, installs what it may,
# names the exact command for what it may not, and builds RocksDB once as a static library.
# Safe to run again; does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/setup/packages.sh

cache=${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}
check_rust() {
  command -v cargo >/dev/null || fail "no cargo; install Rust 1.95 or newer with rustup, then run this again"
  local have want
  have=$(rustc --version | cut -d' ' -f2)
  want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -1)" = "$want" ] ||
    fail "rustc is $have, $want or newer is needed; run: rustup update stable"
}

check_native_tools() {
  local missing=()
  command -v c++ >/dev/null || missing+=(g++)
  # RocksDB's bindings are generated with libclang; it also needs clang's own headers.
  if [ -z "${LIBCLANG_PATH:-}" ] && ! compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null &&
    ! ldconfig -p 2>/dev/null | grep -q 'libclang[-.0-9]*\.so'; then
    missing+=(libclang-dev)
  elif ! compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null && command -v apt-get >/dev/null; then
    missing+=(libclang-dev)
  fi
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# RocksDB takes 15 to 30 minutes on two cores, so it is built once per version and machine,
# and every profile and target directory links the same archive.
build_rocksdb() {
  local version directory archive
  version=$(ops/setup/rocksdb-version.sh)
  directory=$cache/rocksdb-$version
  [ -s "$directory/librocksdb.a" ] && return
  say "building RocksDB $version once (15 to 30 minutes on two cores; kept in $directory)"
  env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC \
    cargo build --locked --quiet --package librocksdb-sys --target-dir "$cache/rocksdb-build"
  archive=$(find "$cache/rocksdb-build" -path '*librocksdb-sys-*/out/librocksdb.a' -printf '%T@ %p\n' |
    sort -n | tail -1 | cut -d' ' -f2-)
  [ -n "$archive" ] || fail "the build of RocksDB left no librocksdb.a in $cache/rocksdb-build"
  mkdir -p "$directory"
  cp "$archive" "$directory/librocksdb.a.new"
  mv "$directory/librocksdb.a.new" "$directory/librocksdb.a"
  rm -rf "$cache/rocksdb-build"
}

check_rust
check_native_tools
build_rocksdb

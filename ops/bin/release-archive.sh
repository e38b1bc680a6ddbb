#!/usr/bin/env bash
# Makes what is published of a version: an archive of the program with everything a host needs, a
# software bill of materials (CycloneDX), and the checksums of both.
#   ops/bin/release-archive.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { printf 'release-archive: %s\n' "$*" >&2; exit 1; }
[ $# = 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 64; }
[ -z "$(git status --porcelain)" ] || fail "there are uncommitted changes, so nobody could build this again"
command -v cargo-cyclonedx >/dev/null ||
  fail "cargo-cyclonedx is missing; \`cargo install --locked cargo-cyclonedx\` installs it"
mkdir -p "$1"
target=$(cd "$1" && pwd)

make --no-print-directory release
program=${CARGO_TARGET_DIR:-${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}/target}/release/raftpool
version=$("$program" --version | cut -d' ' -f2)
name=raftpool-$version-$(uname -m)-linux
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"; git clean --quiet --force -- "node/*.cdx.json" "cluster/*.cdx.json" "*.cdx.json"' EXIT
tree=$temporary/$name

# Laid out as on a host, so that it can be unpacked over one: without a configuration and secrets, which
# are the host's own.
ops/setup/install.sh --binary "$program" --destdir "$tree" >/dev/null
rm -r "$tree/etc/raftpool"
man=$tree/usr/local/share/man/man1
completions=$tree/usr/local/share
mkdir -p "$man" "$completions/bash-completion/completions" "$completions/zsh/site-functions" \
  "$completions/fish/vendor_completions.d" "$tree/usr/local/share/doc/raftpool"
"$program" man "$man" >/dev/null
"$program" completions bash >"$completions/bash-completion/completions/raftpool"
"$program" completions zsh >"$completions/zsh/site-functions/_raftpool"
"$program" completions fish >"$completions/fish/vendor_completions.d/raftpool.fish"
cp README.md LICENSE CHANGELOG.md ops/config/raftpool.toml ops/config/reference.md "$tree/usr/local/share/doc/raftpool/"
cp -r ops/runbooks "$tree/usr/local/share/doc/raftpool/"

# The same bytes for the same content: the time is that of the commit, and nobody owns the files.
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
  --directory "$temporary" "$name" | gzip --no-name --best >"$target/$name.tar.gz"
# The tool does not tell what is in the program from what only builds or tests it: all is listed.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) cargo cyclonedx --quiet --format json --describe binaries \
  --manifest-path node/Cargo.toml
mv node/raftpool_bin.cdx.json "$target/$name.cdx.json"
(cd "$target" && sha256sum "$name.tar.gz" "$name.cdx.json" >"$name.sha256")
printf '%s\n' "$target/$name.tar.gz" "$target/$name.cdx.json" "$target/$name.sha256"

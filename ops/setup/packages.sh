# shellcheck shell=bash
# Read by the other scripts of this folder: how they speak, and how they install what is missing.

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

# Installs Debian packages when we may; otherwise says how.
install_packages() {
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    say "installing $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  elif command -v apt-get >/dev/null; then
    fail "missing packages; run: sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
  else
    fail "missing what Debian calls: $*; install your system's equivalents and run this again"
  fi
}

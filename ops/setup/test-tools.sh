#!/usr/bin/env bash
# Installs what only the tests need. Safe to run again; does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/setup/packages.sh

missing=()
# Tests the alert rules.
command -v promtool >/dev/null || missing+=(prometheus)
# Read the scripts of ops/, and balance nodes as its recipe says.
command -v shellcheck >/dev/null || missing+=(shellcheck)
[ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null || missing+=(haproxy)
# Reads what nodes say in the upgrade script.
command -v jq >/dev/null || missing+=(jq)
# Asks name servers as operators do.
command -v dig >/dev/null || missing+=(bind9-dnsutils)
# What the page for newcomers asks its reader to run.
command -v openssl >/dev/null || missing+=(openssl)
command -v curl >/dev/null || missing+=(curl)
# Makes hosts of their own for the drill.
[ -x /usr/sbin/ip ] || missing+=(iproute2)
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"

# Tries the API against its own document. Its packages are pinned and lie in an environment of their own
# below the cache, once for each list of pins: the name is what the tests look for.
pins=tests/schemathesis-requirements.txt
environment=${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}/schemathesis-$(sha256sum "$pins" | cut -c1-16)

# The system's own: that of a version manager may go away with the next change of its settings.
python() {
  local own
  for own in /usr/bin/python3 "$(command -v python3)"; do
    if [ -x "$own" ] && "$own" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s' "$own"
      return
    fi
  done
  return 1
}

# The last file says that all is there: an installation that was broken off begins anew.
install_schemathesis() {
  [ ! -e "$environment/is-complete" ] || return 0
  python >/dev/null || install_packages python3 python3-venv
  python >/dev/null || fail "no Python 3.10 or newer with venv and ensurepip was found"
  say "installing schemathesis into $environment"
  rm -rf "$environment"
  "$(python)" -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$pins"
  "$environment/bin/schemathesis" --version >/dev/null
  touch "$environment/is-complete"
}

install_schemathesis

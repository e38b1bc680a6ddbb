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
# Makes hosts of their own for the drill.
[ -x /usr/sbin/ip ] || missing+=(iproute2)
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"

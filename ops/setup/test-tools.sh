#!/usr/bin/env bash
# Installs what only the tests need. Safe to run again; does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/setup/packages.sh

# Tests the alert rules.
command -v promtool >/dev/null || install_packages prometheus

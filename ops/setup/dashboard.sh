#!/usr/bin/env bash
# Makes this machine able to build the dashboard, and with --browser to test it in Chromium; then
# installs the packages that the lock names and builds it. Does nothing when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. ops/setup/packages.sh

node_wanted=20.19
stamps=dashboard/node_modules/.raftpool
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false

version_of_node() { node --version 2>/dev/null | sed 's/^v//'; }
is_node_new_enough() {
  [ "$(printf '%s\n%s\n' "$node_wanted" "$(version_of_node)" | sort -V | head -1)" = "$node_wanted" ]
}

check_node() {
  local missing=()
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
  is_node_new_enough ||
    fail "node is $(version_of_node), $node_wanted or newer is needed; Debian 13 has one, for older ones see https://nodejs.org/en/download"
}

# Screenshots need letters; the typeface is the one the styles ask for first.
check_browser() {
  local missing=()
  command -v chromium >/dev/null || [ -n "${RAFTPOOL_CHROMIUM:-}" ] || missing+=(chromium)
  compgen -G '/usr/share/fonts/*/*' >/dev/null || missing+=(fonts-inter)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

digest_of() { find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }
has_changed() { [ "$(cat "$stamps/$1" 2>/dev/null)" != "$2" ]; }
note() { mkdir -p "$stamps" && printf '%s' "$2" >"$stamps/$1"; }

install_locked() {
  local lock
  lock="$(version_of_node) $(digest_of dashboard/package-lock.json)"
  has_changed lock "$lock" || return 0
  say "installing the dashboard's packages"
  (cd dashboard && npm ci --no-progress --loglevel=error)
  note lock "$lock"
}

build_pages() {
  local sources
  sources=$(cd dashboard && digest_of package-lock.json openapi.json index.html vite.config.mjs scripts/size.mjs src)
  if [ -s dashboard/dist/index.html ] && ! has_changed sources "$sources"; then return 0; fi
  say "building the dashboard"
  (cd dashboard && npm run --silent build)
  note sources "$sources"
}

check_node
[ "${1:-}" != --browser ] || check_browser
install_locked
build_pages

#!/usr/bin/env bash
# Installs a node on a host with systemd: the program, its user, a configuration to edit and the
# service. Safe to run again, which is also how a new program is put into place; what was
# edited below /etc/raftpool is never touched, and nothing is started or restarted.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
usage() {
  cat <<'TEXT'
usage: ops/setup/install.sh [--binary FILE] [--destdir DIRECTORY]
  --binary FILE        the program; the release build when not given
  --destdir DIRECTORY  put everything below this directory, make no user, and leave systemd alone
TEXT
}

destdir=
binary=${CARGO_TARGET_DIR:-${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}/target}/release/raftpool
while [ $# -gt 0 ]; do
  case $1 in
    --binary) binary=${2:?--binary needs a file}; shift 2 ;;
    --destdir) destdir=${2:?--destdir needs a directory}; shift 2 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
done
[ -x "$binary" ] || fail "there is no program $binary: build it with \`make release\`, or name it with --binary"
if [ -z "$destdir" ]; then
  [ "$(id -u)" = 0 ] || fail "run this as root, or with --destdir to look at what it would install"
  command -v systemctl >/dev/null || fail "this host has no systemd; see docker/ for containers"
fi

# Only what differs is written, so that a second run says what it changed: nothing.
put() {
  local mode=$1 from=$2 to=$destdir$3
  if [ -e "$to" ] && cmp -s "$from" "$to"; then return; fi
  install -D -m "$mode" "$from" "$to.new"
  # Renamed into place: a program that runs cannot be overwritten.
  mv -f "$to.new" "$to"
  say "wrote $3"
}

# Only when it is missing: it is edited afterwards.
put_once() {
  [ -e "$destdir$3" ] || put "$@"
}

make_user() {
  [ -z "$destdir" ] || return 0
  getent passwd raftpool >/dev/null && return
  useradd --system --user-group --home-dir /var/lib/raftpool --no-create-home \
    --shell /usr/sbin/nologin --comment 'Raftpool mining pool' raftpool
  say "made the user raftpool"
}

# Certificates and TLS keys may be renewed while the node runs, so it reads them itself. What changes
# only with a restart is handed to it by systemd, and stays root's.
make_folders() {
  install -d -m 0755 "$destdir/etc/raftpool"
  install -d -m 0750 "$destdir/etc/raftpool/certificates"
  install -d -m 0700 "$destdir/etc/raftpool/secrets"
  [ -n "$destdir" ] || chown root:raftpool /etc/raftpool/certificates
}

# The example with the paths of the service.
sample_configuration() {
  sed -e 's|^data_directory = .*|data_directory = "/var/lib/raftpool/data"|' \
    -e 's|^#password_file = .*|#password_file = "/run/credentials/raftpool.service/wallet-password"|' \
    "$here/config/raftpool.toml"
}

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
sample_configuration >"$temporary/raftpool.toml"
: >"$temporary/wallet-password"

make_user
make_folders
put 0755 "$binary" /usr/local/bin/raftpool
put 0644 "$here/systemd/raftpool.service" /etc/systemd/system/raftpool.service
put_once 0644 "$temporary/raftpool.toml" /etc/raftpool/raftpool.toml
# systemd wants the file to be there, also for a node without a wallet.
put_once 0600 "$temporary/wallet-password" /etc/raftpool/secrets/wallet-password

[ -n "$destdir" ] || systemctl daemon-reload
cat <<'TEXT'
install: done. What is left to do:
  edit /etc/raftpool/raftpool.toml, put the wallet's password into /etc/raftpool/secrets/wallet-password
  and the node's certificates into /etc/raftpool/certificates, readable by the group raftpool; then
    RAFTPOOL__WALLET__PASSWORD_FILE=/etc/raftpool/secrets/wallet-password \
      raftpool config check /etc/raftpool/raftpool.toml   (without the variable when there is no [wallet])
    systemctl enable --now raftpool
TEXT

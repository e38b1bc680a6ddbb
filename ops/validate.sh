#!/usr/bin/env bash
# Checks what is in ops/ and docker/ as far as it can be without starting it: offline, in seconds.
# `ops/setup/test-tools.sh` installs what it must have; what may be missing is named at the end.
#   RAFTPOOL=/path/to/raftpool ops/validate.sh
set -euo pipefail
cd "$(dirname "$0")/.."

raftpool=${RAFTPOOL:-${CARGO_TARGET_DIR:-${RAFTPOOL_CACHE:-$HOME/.cache/raftpool}/target}/debug/raftpool}
PATH=$PATH:/usr/sbin:/sbin
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
skipped=()

fail() { printf 'validate: %s\n' "$*" >&2; exit 1; }
passed() { printf 'validate: %s\n' "$*"; }
has() { command -v "$1" >/dev/null; }
need() { has "$1" || fail "$1 is missing; \`make test-tools\` installs it"; }

scripts() {
  need shellcheck
  local files
  mapfile -t files < <(find ops docker .ci -type f \( -name '*.sh' -o -path .ci/run \) | sort)
  shellcheck "${files[@]}"
  passed "shellcheck: ${#files[@]} scripts"
}

# The programs that units start are not installed here: /bin/true stands in for them.
units() {
  has systemd-analyze || { skipped+=("the systemd units (systemd-analyze)"); return; }
  local unit exposure
  for unit in ops/systemd/*; do
    sed 's|/usr/local/bin/raftpool|/bin/true|' "$unit" >"$temporary/${unit##*/}"
  done
  systemd-analyze verify "$temporary"/*.service
  for unit in ops/systemd/*.service; do
    exposure=$(systemd-analyze security --offline=true --threshold=20 "$unit" | tail -1) ||
      fail "${unit##*/} is too open: $exposure"
    passed "${unit##*/}: ${exposure#*: }"
  done
}

# A second run must change nothing, and what it installs must be what is in the repository.
installation() {
  local root=$temporary/root first second
  [ -x "$raftpool" ] || fail "there is no program $raftpool; name one with RAFTPOOL"
  first=$(ops/setup/install.sh --binary "$raftpool" --destdir "$root")
  printf '# edited\n' >>"$root/etc/raftpool/raftpool.toml"
  second=$(ops/setup/install.sh --binary "$raftpool" --destdir "$root")
  [[ $first == *"wrote /etc/systemd/system/raftpool.service"* ]] || fail "install.sh wrote no unit: $first"
  [[ $second != *wrote* ]] || fail "install.sh wrote something again: $second"
  tail -1 "$root/etc/raftpool/raftpool.toml" | grep -q edited || fail "install.sh undid an edit"
  "$raftpool" config check "$root/etc/raftpool/raftpool.toml" >/dev/null
  passed "install.sh installs once, keeps what was edited, and its configuration is valid"
}

configurations() {
  local file
  for file in docker/config/node-*.toml; do
    RAFTPOOL__WALLET__PASSWORD_FILE=$PWD/docker/config/wallet-password "$raftpool" config check "$file" >/dev/null ||
      fail "$file is not valid"
  done
  # The block of the manifest, without its indentation.
  sed -n '/^  raftpool.toml: |$/,/^---$/p' ops/kubernetes/raftpool.yaml | sed '1d;$d;s/^    //' >"$temporary/pod.toml"
  RAFTPOOL__WALLET__PASSWORD_FILE=$PWD/docker/config/wallet-password RAFTPOOL__NODE__ID=1 \
    RAFTPOOL__CLUSTER__ADDRESS=raftpool-1.raftpool-nodes:5078 RAFTPOOL__CLUSTER__CERTIFICATES=certificates/1 \
    "$raftpool" config check "$temporary/pod.toml" >/dev/null || fail "the manifest's configuration is not valid"
  passed "configurations of docker/ and kubernetes/"
}

balancers() {
  local config=$temporary/haproxy.cfg
  need haproxy
  # Not every machine that validates may open as many files as a balancer.
  sed 's/^    maxconn .*/    maxconn 100/' ops/haproxy/haproxy.cfg >"$config"
  haproxy -c -q -f "$config"
  passed "HAProxy"
  has keepalived || { skipped+=("ops/keepalived (keepalived)"); return; }
  # Its test ends by a signal whether all is well or not, and takes its process group along; what it
  # complains of is in the file.
  {
    setsid --wait keepalived --config-test="$temporary/complaints" \
      --use-file "$PWD/ops/keepalived/keepalived.conf" </dev/null >/dev/null || true
  } 2>/dev/null
  if grep -v 'WARNING - default user' "$temporary/complaints" 2>/dev/null; then fail "keepalived refuses its configuration"; fi
  passed "keepalived"
}

zones() {
  has named-checkzone || { skipped+=("the zone (named-checkzone of bind9-utils)"); return; }
  named-checkzone -q pool.example ops/dns/pool.example.zone || fail "the zone is not valid"
  passed "the plain zone"
}

monitoring() {
  need promtool
  sed "s|/etc/prometheus/|$PWD/ops/prometheus/|" docker/config/prometheus.yml >"$temporary/prometheus.yml"
  promtool check config --syntax-only "$temporary/prometheus.yml" >/dev/null
  promtool check rules ops/prometheus/raftpool.rules.yml >/dev/null
  passed "what Prometheus of the containers reads"
}

# Version 2 of Docker Compose, as a plugin or a program of its own.
compose() {
  if has docker && docker compose version >/dev/null 2>&1; then docker compose "$@"
  elif has docker-compose && docker-compose version 2>/dev/null | grep -q 'v2'; then docker-compose "$@"
  else return 127; fi
}

containers() {
  local state=0
  compose --file docker/compose.yaml config --quiet || state=$?
  case $state in
    0) passed "docker/compose.yaml" ;;
    127) skipped+=("docker/compose.yaml (Docker Compose 2)") ;;
    *) fail "docker/compose.yaml is not valid" ;;
  esac
  if has hadolint; then hadolint docker/Dockerfile; passed "docker/Dockerfile"
  else skipped+=("docker/Dockerfile (hadolint)"); fi
  if has kubernetes-validate; then
    kubernetes-validate --strict --quiet ops/kubernetes/raftpool.yaml
    passed "ops/kubernetes/raftpool.yaml"
  else skipped+=("ops/kubernetes/raftpool.yaml (kubernetes-validate)"); fi
}

scripts
units
installation
configurations
balancers
zones
monitoring
containers
for what in "${skipped[@]}"; do printf 'validate: not checked, its tool is not here: %s\n' "$what"; done

#!/usr/bin/env bash
# Puts a new program on every node of a running cluster, one node at a time: followers first, the leader
# last. Stops at the first thing that is not as it should be, and says what; run it again to go on.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: rolling-upgrade.sh --binary FILE NODE=HOST NODE=HOST ...
  NODE=HOST            number of each voting node and where ssh finds it, all of them
  --binary FILE        the new program, for the hosts' kind of machine
  --config FILE        configuration on the hosts (/etc/raftpool/raftpool.toml)
  --program FILE       where the program is on the hosts (/usr/local/bin/raftpool)
  --restart COMMAND    what restarts a node on its host (systemctl restart raftpool)
  --timeout SECONDS    how long a node may take to be back and up to date (300)
  --no-drain           for a version from before `raftpool node drain`: only restart
Environment: RAFTPOOL_SSH, the command that runs a shell command on a host (ssh -o BatchMode=yes).
It needs jq here, and to be root on the hosts.
TEXT
}

config=/etc/raftpool/raftpool.toml
program=/usr/local/bin/raftpool
restart='systemctl restart raftpool'
timeout_seconds=300
must_drain=yes
binary=
declare -A host_of=()
read -ra remote <<<"${RAFTPOOL_SSH:-ssh -o BatchMode=yes}"

say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
fail() { printf '%(%H:%M:%S)T stopped: %s\n' -1 "$*" >&2; exit 1; }

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --binary) binary=$2; shift 2 ;;
      --config) config=$2; shift 2 ;;
      --program) program=$2; shift 2 ;;
      --restart) restart=$2; shift 2 ;;
      --timeout) timeout_seconds=$2; shift 2 ;;
      --no-drain) must_drain=no; shift ;;
      --help) usage; exit 0 ;;
      [0-9]*=?*) host_of[${1%%=*}]=${1#*=}; shift ;;
      *) usage >&2; exit 64 ;;
    esac
  done
  [ -r "$binary" ] || { usage >&2; exit 64; }
  [ ${#host_of[@]} -gt 0 ] || { usage >&2; exit 64; }
  command -v jq >/dev/null || fail "jq is missing here; Debian's package has that name"
}

# Runs a command on the host of a node. Standard input is the caller's business.
on() {
  local node=$1
  shift
  "${remote[@]}" "${host_of[$node]}" "$*"
}

# What a node says of the cluster, as JSON. Its exit code is the cluster's health, so it is not looked at.
status_of() {
  on "$1" "'$program' cluster status '$config' --output json" </dev/null 2>/dev/null || true
}

# What speaks against going on, by the word of one node; nothing when all is well.
problems_of() {
  jq --raw-output '
    (if .health != "healthy" then "the cluster is \(.health)" else empty end),
    (.problems[]?),
    (.nodes[] | select(.is_voter and (.reachable and .serving | not)) | "node \(.id) does not serve"),
    (.nodes[] | select(.is_voter and (.lag == null or .lag > 100)) | "node \(.id) lags by \(.lag)")' 2>/dev/null ||
    echo "no answer"
}

# Waits until this node itself says that every node is well and up to date.
wait_well() {
  local node=$1 deadline=$((SECONDS + timeout_seconds)) problems status
  while :; do
    status=$(status_of "$node")
    problems=$(problems_of <<<"${status:-none}")
    [ -z "$problems" ] && return
    [ "$SECONDS" -lt "$deadline" ] || fail "node $node: not well within $timeout_seconds s: ${problems//$'\n'/; }"
    sleep 1
  done
}

check_members() {
  local node=$1 voters named
  voters=$(status_of "$node" | jq --raw-output '[.nodes[] | select(.is_voter) | .id] | sort | join(" ")')
  named=$(printf '%s\n' "${!host_of[@]}" | sort -n | paste -sd' ')
  [ "$voters" = "$named" ] || fail "the voters are nodes $voters, but nodes $named were named"
}

leader_by() { status_of "$1" | jq --raw-output '.leader_id // empty'; }
digest_on() { on "$1" "sha256sum '$program'" </dev/null | cut -d' ' -f1; }

may_stop() {
  local node=$1 obstacle
  obstacle=$(on "$node" "'$program' cluster check '$config' --output json" </dev/null 2>/dev/null |
    jq --raw-output ".obstacles_to_stopping[\"$node\"] // empty") || true
  [ -z "$obstacle" ] || fail "node $node must not be stopped now: $obstacle"
}

upgrade() {
  local node=$1
  if [ "$(digest_on "$node")" = "$digest" ]; then
    say "node $node has this program already"
    return
  fi
  wait_well "$node"
  may_stop "$node"
  say "node $node: copying the program"
  on "$node" "cat >'$program.new' && chmod 0755 '$program.new'" <"$binary" || fail "node $node: copy the program"
  # The new program has to like the old configuration before the node is touched.
  on "$node" "'$program.new' --version && '$program.new' config check '$config'" </dev/null >/dev/null ||
    fail "node $node: the new program does not run there, or refuses $config"
  if [ "$must_drain" = yes ]; then
    say "node $node: draining"
    on "$node" "'$program' node drain '$config'" </dev/null || fail "node $node: drain it"
  fi
  say "node $node: restarting"
  on "$node" "mv -f '$program.new' '$program' && $restart" </dev/null || fail "node $node: restart it"
  wait_well "$node"
  if [ "$must_drain" = yes ]; then
    on "$node" "'$program' node undrain '$config'" </dev/null || fail "node $node: undrain it"
  fi
  wait_well "$node"
  say "node $node is back and up to date"
}

parse "$@"
digest=$(sha256sum "$binary" | cut -d' ' -f1)
mapfile -t nodes < <(printf '%s\n' "${!host_of[@]}" | sort -n)
for node in "${nodes[@]}"; do wait_well "$node"; done
check_members "${nodes[0]}"
leader=$(leader_by "${nodes[0]}")
[ -n "$leader" ] || fail "no node leads"
say "node $leader leads and comes last"
for node in "${nodes[@]}"; do
  [ "$node" = "$leader" ] || upgrade "$node"
done
# By now another node may lead, which has the new program already.
upgrade "$leader"
say "all nodes have the program $digest"
say "when none shall go back any more: raftpool cluster finalize, once nodes without a vote are upgraded too"

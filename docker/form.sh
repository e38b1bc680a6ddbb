#!/bin/sh
# Forms the cluster through node 1, whose data directory it can see. Each step is repeated until the
# nodes are there for it, and may be repeated later: what is done already is done.
set -eu
configuration=${1:-/etc/raftpool/raftpool.toml}
tries_left=120

insist() {
  until "$@"; do
    tries_left=$((tries_left - 1))
    [ "$tries_left" -gt 0 ] || exit 1
    sleep 1
  done
}

insist raftpool cluster init "$configuration"
insist raftpool cluster add "$configuration" 2 node-2:5078
insist raftpool cluster add "$configuration" 3 node-3:5078
insist raftpool cluster promote "$configuration" 2 3
raftpool cluster status "$configuration" || true

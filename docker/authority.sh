#!/bin/sh
# Makes the authority of the cluster and a certificate for each node, once: what is there stays.
# The folders are those of compose.yaml; another place of them may be given for trying it out.
set -eu
root=${1:-/etc/raftpool}

[ -e "$root/authority/ca.key" ] || raftpool cluster ca init "$root/authority"
for node in 1 2 3; do
  [ -e "$root/certificates-$node/node.pem" ] ||
    raftpool cluster issue "$node" --ca "$root/authority" --out "$root/certificates-$node"
  # The user of docker/Dockerfile.
  chown -R 10001:10001 "$root/certificates-$node"
done

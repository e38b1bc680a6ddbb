//! Who calls whom, in the metadata of every call.

use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Request, Status};

use crate::Identity;
use crate::certificates::PeerName;

/// Version of what nodes say to each other. Nodes of different versions refuse each other.
pub(crate) const PROTOCOL_VERSION: u32 = 1;

const PROTOCOL: &str = "raftpool-protocol";
const CLUSTER: &str = "raftpool-cluster";
const FROM: &str = "raftpool-from";
const TO: &str = "raftpool-to";

/// Stands for the node at an address when the caller does not know which one that is.
pub(crate) const ANYBODY: u64 = 0;

/// The caller, as its certificate and the envelope say alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) node_id: u64,
    /// Whether it knows whom it calls.
    pub(crate) knows_callee: bool,
}

/// Addresses a request of `from` to the node `to` of the same cluster.
pub(crate) fn address<T>(request: &mut Request<T>, from: Identity, to: u64) {
    let metadata = request.metadata_mut();
    metadata.insert(PROTOCOL, PROTOCOL_VERSION.into());
    // Hexadecimal digits are always a valid value.
    if let Ok(cluster) = AsciiMetadataValue::try_from(hex::encode(from.cluster_id)) {
        metadata.insert(CLUSTER, cluster);
    }
    metadata.insert(FROM, from.node_id.into());
    metadata.insert(TO, to.into());
}

/// Checks what arrived at node `me` from whoever showed a certificate for `shown`.
pub(crate) fn check(
    metadata: &MetadataMap,
    shown: PeerName,
    me: Identity,
) -> Result<Caller, Status> {
    let refused = |reason: String| Err(Status::failed_precondition(reason));
    let text = |key| {
        let value = metadata.get(key).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| Status::failed_precondition(format!("the call has no `{key}`")))
    };
    let number = |key| {
        let value = text(key)?.parse::<u64>();
        value.map_err(|_| Status::failed_precondition(format!("`{key}` is not a number")))
    };
    // Asked before all else: another version may say the rest in another way.
    let protocol = number(PROTOCOL)?;
    if protocol != u64::from(PROTOCOL_VERSION) {
        return refused(format!(
            "node {} speaks protocol version {protocol}, node {} version {PROTOCOL_VERSION}: run \
             versions of the program that fit together",
            shown.node_id, me.node_id
        ));
    }
    let (cluster, expected) = (text(CLUSTER)?, hex::encode(me.cluster_id));
    if cluster != expected {
        return refused(format!(
            "the call is for cluster {cluster}, but node {} is of cluster {expected}",
            me.node_id
        ));
    }
    if shown.cluster_id != me.cluster_id {
        return refused(format!(
            "the caller's certificate is of cluster {}, but node {} is of cluster {expected}",
            hex::encode(shown.cluster_id),
            me.node_id
        ));
    }
    let (from, to) = (number(FROM)?, number(TO)?);
    if from != shown.node_id {
        return refused(format!(
            "the caller says it is node {from}, but its certificate is for node {}",
            shown.node_id
        ));
    }
    if to != me.node_id && to != ANYBODY {
        return refused(format!(
            "the call is for node {to}, but this is node {}: check the address of node {to}",
            me.node_id
        ));
    }
    Ok(Caller {
        node_id: from,
        knows_callee: to != ANYBODY,
    })
}

//! The cluster's own certificates: who may speak to its nodes, and as whom.
//!
//! [`CertificateAuthority`] makes them; [`CertificateStore`] is what a node uses, and follows the
//! files when they are replaced. A node's certificate names the node and the cluster
//! (`node-2.<cluster id>.raftpool.internal`), so that having a certificate is not enough to speak
//! for another node.

mod authority;

mod store;

mod name;

mod error;

pub use authority::CertificateAuthority;
pub use error::CertificateError;
pub use name::PeerName;
pub use store::{CertificateStore, certified_name};

/// The node's certificate, followed by intermediate ones if there are any.
const NODE_CERTIFICATE: &str = "node.pem";
/// The node's private key.
const NODE_KEY: &str = "node.key";
/// The certificates of the authorities that are trusted; several while one replaces another.
const AUTHORITY_CERTIFICATE: &str = "ca.pem";
/// The authority's private key; only in the authority's own directory.
const AUTHORITY_KEY: &str = "ca.key";

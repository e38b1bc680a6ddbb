//! The name in a node's certificate.

use std::fmt;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

const DOMAIN: &str = "raftpool.internal";

/// Whom a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerName {
    /// The cluster.
    pub cluster_id: [u8; 16],
    /// The node.
    pub node_id: u64,
}

impl PeerName {
    /// The name a certificate gives its owner; `None` when it gives none, or more than one.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let names = certificate.subject_alternative_name().ok()??;
        let mut found = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Self::parse(name),
                _ => None,
            });
        match (found.next(), found.next()) {
            (Some(name), None) => Some(name),
            _ => None,
        }
    }

    /// The name that every node's certificate has beside its own, for callers that do not know
    /// yet which node they will find at an address.
    pub(crate) fn of_anybody(cluster_id: [u8; 16]) -> String {
        format!("any.{}.{DOMAIN}", hex::encode(cluster_id))
    }

    /// Reads a name as [`Display`](fmt::Display) writes it, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (node, rest) = text.strip_prefix("node-")?.split_once('.')?;
        let cluster = rest.strip_suffix(DOMAIN)?.strip_suffix('.')?;
        let name = Self {
            cluster_id: hex::decode(cluster).ok()?.try_into().ok()?,
            node_id: node.parse().ok()?,
        };
        // One name, one spelling.
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = hex::encode(self.cluster_id);
        write!(f, "node-{}.{cluster}.{DOMAIN}", self.node_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_other_spellings_are_not() {
        let name = PeerName {
            cluster_id: [0xab; 16],
            node_id: 12,
        };
        let text = name.to_string();
        assert_eq!(PeerName::parse(&text), Some(name));
        for other in [
            text.to_uppercase(),
            text.replace("node-12", "node-012"),
            text.replace("node-12", "node-+12"),
            format!("{text}."),
            format!("x{text}"),
            text.replace("ab.raftpool", ".raftpool"),
        ] {
            assert_eq!(PeerName::parse(&other), None, "{other}");
        }
    }
}

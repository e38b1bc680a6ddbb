//! The section about the name server for the pool's name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::require;
use crate::dns::Zone;

/// Longest time an answer may be remembered, in seconds: a day.
const TTL_S_MAX: u32 = 86_400;
/// Longest text of a TXT record.
const TEXT_BYTES_MAX: usize = 255;

/// `[dns]`: without the section there is no name server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsSection {
    /// Address to listen on, UDP and TCP.
    #[serde(default = "DnsSection::default_listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The pool's name, for which this node answers; the same on every node.
    pub zone: String,
    /// The zone's name servers, the same as where the zone is delegated; `node-N.ZONE` is the node
    /// with the id N.
    pub name_servers: Vec<String>,
    /// Mailbox of who is responsible, with a dot for the @; `hostmaster.ZONE` when not given.
    #[serde(default)]
    pub hostmaster: Option<String>,
    /// How long resolvers may remember where the pool's name points to, in seconds.
    #[serde(default = "DnsSection::default_ttl_s")]
    pub ttl_s: u32,
    /// Answers over UDP that one network (a /24, or a /56 of IPv6) gets in a second; beyond, it has to
    /// come over TCP.
    #[serde(default = "DnsSection::default_answers_per_second_max")]
    pub answers_per_second_max: NonZeroU32,
    /// By a node's id: the addresses by which miners reach it. A node that is not listed has the
    /// address it announces itself, if its `public.miner_host`, or what it listens on, is one.
    #[serde(default)]
    pub nodes: BTreeMap<String, Vec<IpAddr>>,
    /// TXT records by name in the zone, "@" for the zone itself.
    #[serde(default)]
    pub txt: BTreeMap<String, Vec<String>>,
}

impl DnsSection {
    fn default_listen() -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 53))
    }

    fn default_ttl_s() -> u32 {
        20
    }

    fn default_answers_per_second_max() -> NonZeroU32 {
        const { NonZeroU32::new(50).expect("50 is not 0") }
    }

    /// The addresses that are configured for a node.
    pub(crate) fn addresses_of(&self, id: u64) -> Option<&[IpAddr]> {
        self.nodes.get(&id.to_string()).map(Vec::as_slice)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Err(error) = Zone::new(self) {
            require(false, "dns.zone", error.to_string())?;
        }
        require(
            !self.name_servers.is_empty(),
            "dns.name_servers",
            "must name at least one, as where the zone is delegated".into(),
        )?;
        require(
            (1..=TTL_S_MAX).contains(&self.ttl_s),
            "dns.ttl_s",
            format!("must be from 1 to {TTL_S_MAX}"),
        )?;
        for id in self.nodes.keys() {
            let is_id = id
                .parse()
                .is_ok_and(|number: u64| number.to_string() == *id);
            let problem = format!("`{id}` is no node's id, which is a number such as 1");
            require(is_id, "dns.nodes", problem)?;
        }
        let mut texts = self.txt.values().flatten();
        require(
            texts.all(|text| text.len() <= TEXT_BYTES_MAX),
            "dns.txt",
            format!("a text may have {TEXT_BYTES_MAX} bytes"),
        )
    }
}

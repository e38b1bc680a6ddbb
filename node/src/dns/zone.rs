//! What the zone has: the pool's name, a name for each node, and what the configuration adds.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::roster::Roster;
use crate::config::DnsSection;

/// How long a node's own name, and the names of the name servers, may be remembered.
const STABLE_TTL_S: u32 = 300;
/// What the names of nodes begin with.
const NODE_PREFIX: &str = "node-";
/// Times of the zone for servers that copy it, which nobody may: only their presence is required.
const REFRESH_S: i32 = 3_600;
const RETRY_S: i32 = 600;
const EXPIRE_S: i32 = 86_400;

/// A name of the zone is none.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no name for the DNS: {reason}")]
pub(crate) struct ZoneError {
    /// What was given.
    text: String,
    /// What is wrong.
    reason: String,
}

/// The zone as configured.
#[derive(Debug)]
pub(crate) struct Zone {
    apex: Name,
    name_servers: Vec<Name>,
    hostmaster: Name,
    ttl_s: u32,
    texts: BTreeMap<Name, Vec<String>>,
}

/// What a question gets.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) code: ResponseCode,
    pub(super) answers: Vec<Record>,
    /// The SOA of a negative answer.
    pub(super) authority: Option<Record>,
    /// Addresses of the name servers.
    pub(super) additionals: Vec<Record>,
}

impl Zone {
    /// The zone of a configuration.
    ///
    /// # Errors
    /// When a name is none.
    pub(crate) fn new(section: &DnsSection) -> Result<Self, ZoneError> {
        let apex = name(&section.zone)?;
        let name_servers = section.name_servers.iter().map(|text| name(text));
        let hostmaster = match &section.hostmaster {
            Some(text) => name(text)?,
            None => below(&apex, "hostmaster")?,
        };
        let texts = section.txt.iter().map(|(owner, texts)| {
            let owner = match owner.as_str() {
                "@" => apex.clone(),
                owner => below(&apex, owner)?,
            };
            Ok((owner.to_lowercase(), texts.clone()))
        });
        Ok(Self {
            name_servers: name_servers.collect::<Result<_, _>>()?,
            hostmaster,
            ttl_s: section.ttl_s,
            texts: texts.collect::<Result<_, _>>()?,
            apex,
        })
    }

    /// Answers one question.
    pub(super) fn reply(
        &self,
        name: &Name,
        kind: RecordType,
        class: DNSClass,
        roster: &Roster,
    ) -> Reply {
        let is_ours = self.apex.zone_of(name) && class == DNSClass::IN;
        match kind {
            _ if !is_ours => return Reply::failed(ResponseCode::Refused),
            RecordType::AXFR | RecordType::IXFR => return Reply::failed(ResponseCode::Refused),
            // The most amplifying question; nobody needs an answer (RFC 8482).
            RecordType::ANY => return Reply::failed(ResponseCode::NotImp),
            _ => {}
        }
        // A node that has only just begun knows of nobody yet. "No address" would be remembered, so
        // resolvers are sent to another name server.
        let wants_addresses = matches!(kind, RecordType::A | RecordType::AAAA);
        if wants_addresses && *name == self.apex && roster.is_blank() {
            return Reply::failed(ResponseCode::ServFail);
        }
        match self.records(name, kind, roster) {
            Some(answers) if answers.is_empty() => Reply {
                authority: Some(self.soa(roster)),
                ..Reply::failed(ResponseCode::NoError)
            },
            Some(answers) => Reply {
                additionals: match kind {
                    RecordType::NS => self.glue(roster),
                    _ => Vec::new(),
                },
                answers,
                ..Reply::failed(ResponseCode::NoError)
            },
            None => Reply {
                authority: Some(self.soa(roster)),
                ..Reply::failed(ResponseCode::NXDomain)
            },
        }
    }

    /// The records of one kind at a name; `None` when the name does not exist.
    fn records(&self, name: &Name, kind: RecordType, roster: &Roster) -> Option<Vec<Record>> {
        let is_apex = *name == self.apex;
        let texts = self.texts.get(&name.to_lowercase());
        let node = self.node_of(name).and_then(|id| roster.addresses_of(id));
        let has_names_below = self.texts.keys().any(|owner| name.zone_of(owner));
        if !is_apex && texts.is_none() && node.is_none() && !has_names_below {
            return None;
        }
        Some(match (kind, node) {
            (RecordType::A, Some(addresses)) => stable(name, addresses, IpAddr::is_ipv4),
            (RecordType::AAAA, Some(addresses)) => stable(name, addresses, IpAddr::is_ipv6),
            (RecordType::A, None) if is_apex => self.shuffled(name, roster, IpAddr::is_ipv4),
            (RecordType::AAAA, None) if is_apex => self.shuffled(name, roster, IpAddr::is_ipv6),
            (RecordType::NS, _) if is_apex => {
                let servers = self.name_servers.iter().cloned();
                let record = |server| record(name, STABLE_TTL_S, RData::NS(NS(server)));
                servers.map(record).collect()
            }
            (RecordType::SOA, _) if is_apex => vec![self.soa(roster)],
            (RecordType::TXT, _) => {
                let texts = texts.into_iter().flatten().cloned();
                let text = |text| RData::TXT(TXT::new(vec![text]));
                texts
                    .map(|one| record(name, self.ttl_s, text(one)))
                    .collect()
            }
            _ => Vec::new(),
        })
    }

    fn shuffled(
        &self,
        name: &Name,
        roster: &Roster,
        is_family: fn(&IpAddr) -> bool,
    ) -> Vec<Record> {
        let addresses = roster.addresses(is_family).into_iter();
        addresses
            .map(|address| record(name, self.ttl_s, data_of(address)))
            .collect()
    }

    /// Addresses of the name servers that are nodes.
    fn glue(&self, roster: &Roster) -> Vec<Record> {
        let glue = self.name_servers.iter().filter_map(|server| {
            let addresses = roster.addresses_of(self.node_of(server)?)?;
            Some(stable(server, addresses, |_| true))
        });
        glue.flatten().collect()
    }

    fn soa(&self, roster: &Roster) -> Record {
        let primary = self.name_servers.first().unwrap_or(&self.apex);
        let soa = SOA::new(
            primary.clone(),
            self.hostmaster.clone(),
            roster.serial,
            REFRESH_S,
            RETRY_S,
            EXPIRE_S,
            self.ttl_s,
        );
        record(&self.apex, self.ttl_s, RData::SOA(soa))
    }

    /// The id in `node-N` below the apex.
    fn node_of(&self, name: &Name) -> Option<u64> {
        if !self.apex.zone_of(name) || name.num_labels() != self.apex.num_labels() + 1 {
            return None;
        }
        let label = std::str::from_utf8(name.iter().next()?).ok()?;
        let id = label.to_ascii_lowercase();
        let id = id.strip_prefix(NODE_PREFIX)?;
        // One name for one node.
        id.parse()
            .ok()
            .filter(|number: &u64| number.to_string() == id)
    }
}

impl Reply {
    fn failed(code: ResponseCode) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authority: None,
            additionals: Vec::new(),
        }
    }
}

fn stable(name: &Name, addresses: &[IpAddr], is_family: fn(&IpAddr) -> bool) -> Vec<Record> {
    let addresses = addresses.iter().copied().filter(is_family);
    addresses
        .map(|address| record(name, STABLE_TTL_S, data_of(address)))
        .collect()
}

fn record(name: &Name, ttl_s: u32, data: RData) -> Record {
    Record::from_rdata(name.clone(), ttl_s, data)
}

fn data_of(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    }
}

/// A whole name, with or without its last dot.
fn name(text: &str) -> Result<Name, ZoneError> {
    let mut name = Name::from_ascii(text).map_err(|error| problem(text, &error))?;
    name.set_fqdn(true);
    match name.is_root() {
        true => Err(problem(text, &"the root is nobody's zone")),
        false => Ok(name),
    }
}

fn below(apex: &Name, text: &str) -> Result<Name, ZoneError> {
    let name = Name::from_ascii(text).map_err(|error| problem(text, &error))?;
    name.append_domain(apex)
        .map_err(|error| problem(text, &error))
}

fn problem(text: &str, reason: &dyn std::fmt::Display) -> ZoneError {
    ZoneError {
        text: text.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::roster::Host;
    use super::*;

    fn zone() -> Zone {
        let section = r#"
            zone = "Pool.example"
            name_servers = ["node-1.pool.example", "ns.other.example."]
            [txt]
            "_acme-challenge.www" = ["one", "two"]
        "#;
        Zone::new(&toml::from_str(section).unwrap()).unwrap()
    }

    fn roster() -> Roster {
        let host = |id: u8, is_ready| Host {
            id: id.into(),
            addresses: vec![
                IpAddr::from([192, 0, 2, id]),
                format!("2001:db8::{id}").parse().unwrap(),
            ],
            is_ready,
            connections: 0,
        };
        Roster::new(vec![host(1, true), host(2, false), host(3, true)])
    }

    fn ask(text: &str, kind: RecordType) -> (ResponseCode, Vec<String>, bool) {
        let name = Name::from_ascii(text).unwrap();
        let reply = zone().reply(&name, kind, DNSClass::IN, &roster());
        let mut answers: Vec<_> = reply
            .answers
            .iter()
            .map(|record| record.data.to_string())
            .collect();
        answers.sort();
        (reply.code, answers, reply.authority.is_some())
    }

    #[test]
    fn the_zone_answers_for_its_names_and_kinds_and_says_what_does_not_exist() {
        use ResponseCode::{NXDomain, NoError, NotImp, Refused};
        let found = |answers: &[&str]| {
            let answers = answers.iter().map(|text| (*text).to_owned()).collect();
            (NoError, answers, false)
        };
        let none = |code, has_soa| (code, Vec::new(), has_soa);
        assert_eq!(
            ask("pool.example.", RecordType::A),
            found(&["192.0.2.1", "192.0.2.3"])
        );
        assert_eq!(
            ask("POOL.example.", RecordType::AAAA),
            found(&["2001:db8::1", "2001:db8::3"])
        );
        // A node's own name stays, so that it can be reached while nobody is sent to it.
        assert_eq!(
            ask("Node-2.pool.example.", RecordType::A),
            found(&["192.0.2.2"])
        );
        let servers = found(&["node-1.pool.example.", "ns.other.example."]);
        assert_eq!(ask("pool.example.", RecordType::NS), servers);
        assert_eq!(
            ask("_acme-challenge.www.pool.example.", RecordType::TXT),
            found(&["one", "two"])
        );
        assert_eq!(ask("pool.example.", RecordType::SOA).1.len(), 1);
        assert_eq!(ask("pool.example.", RecordType::MX), none(NoError, true));
        assert_eq!(ask("www.pool.example.", RecordType::A), none(NoError, true));
        for missing in [
            "node-4.pool.example.",
            "node-01.pool.example.",
            "x.pool.example.",
        ] {
            assert_eq!(
                ask(missing, RecordType::A),
                none(NXDomain, true),
                "{missing}"
            );
        }
        for foreign in ["example.", "other.example.", "notpool.example.", "."] {
            assert_eq!(
                ask(foreign, RecordType::A),
                none(Refused, false),
                "{foreign}"
            );
        }
        assert_eq!(ask("pool.example.", RecordType::AXFR), none(Refused, false));
        assert_eq!(ask("pool.example.", RecordType::ANY), none(NotImp, false));
    }

    #[test]
    fn a_node_that_knows_of_nobody_yet_does_not_say_that_there_is_nobody() {
        let apex = Name::from_ascii("pool.example.").unwrap();
        let ask = |kind| zone().reply(&apex, kind, DNSClass::IN, &Roster::default());
        assert_eq!(ask(RecordType::A).code, ResponseCode::ServFail);
        assert_eq!(ask(RecordType::SOA).code, ResponseCode::NoError);
    }

    #[test]
    fn name_servers_that_are_nodes_come_with_their_addresses() {
        let apex = Name::from_ascii("pool.example.").unwrap();
        let reply = zone().reply(&apex, RecordType::NS, DNSClass::IN, &roster());
        let glue: Vec<_> = reply
            .additionals
            .iter()
            .map(|record| record.data.to_string())
            .collect();
        assert_eq!(glue, ["192.0.2.1", "2001:db8::1"]);
        let chaos = zone().reply(&apex, RecordType::A, DNSClass::CH, &roster());
        assert_eq!(chaos.code, ResponseCode::Refused);
    }
}

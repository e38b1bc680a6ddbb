//! From the bytes of a question to the bytes of its answer.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};

use super::roster::Roster;
use super::zone::Zone;

/// Most bytes over UDP, whatever the other side can take: larger ones may be broken into pieces on
/// their way and lost (DNS flag day 2020).
const UDP_BYTES_MAX: u16 = 1_232;
/// Most bytes over UDP for those who do not say.
const PLAIN_UDP_BYTES_MAX: u16 = 512;

/// How the question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over UDP.
    Udp,
    /// Over UDP, and its sender shall come over TCP.
    OverLimit,
    /// Over TCP.
    Tcp,
}

/// Answers one message; `None` when it deserves none.
pub(super) fn answer(question: &[u8], zone: &Zone, roster: &Roster, way: Way) -> Option<Vec<u8>> {
    let question = match Message::from_vec(question) {
        Ok(question) => question,
        Err(_) => return malformed(question),
    };
    // An answer to an answer could go on for ever.
    if question.metadata.message_type != MessageType::Query {
        return None;
    }
    let (id, op_code) = (question.metadata.id, question.metadata.op_code);
    let mut answer = Message::response(id, op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.add_queries(question.queries.iter().cloned());
    if question.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_BYTES_MAX);
        answer.set_edns(edns);
    }
    if way == Way::OverLimit {
        answer.metadata.truncation = true;
        return answer.to_vec().ok();
    }
    fill(&mut answer, &question, zone, roster);
    let bytes = answer.to_vec().ok()?;
    let size_max = question.edns.as_ref().map_or(PLAIN_UDP_BYTES_MAX, |edns| {
        edns.max_payload().clamp(PLAIN_UDP_BYTES_MAX, UDP_BYTES_MAX)
    });
    if way == Way::Tcp || bytes.len() <= size_max.into() {
        return Some(bytes);
    }
    answer.take_all_sections().for_each(drop);
    answer.metadata.truncation = true;
    answer.to_vec().ok()
}

fn fill(answer: &mut Message, question: &Message, zone: &Zone, roster: &Roster) {
    let version = question.edns.as_ref().map_or(0, Edns::version);
    let asked = match question.queries.as_slice() {
        _ if question.metadata.op_code != OpCode::Query => Err(ResponseCode::NotImp),
        _ if version > 0 => Err(ResponseCode::BADVERS),
        [asked] => Ok(asked),
        _ => Err(ResponseCode::FormErr),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(code) => {
            set_code(answer, code);
            return;
        }
    };
    let reply = zone.reply(
        asked.name(),
        asked.query_type(),
        asked.query_class(),
        roster,
    );
    set_code(answer, reply.code);
    answer.metadata.authoritative = reply.code != ResponseCode::Refused;
    answer.add_answers(reply.answers);
    answer.add_authorities(reply.authority);
    answer.add_additionals(reply.additionals);
}

fn set_code(answer: &mut Message, code: ResponseCode) {
    answer.metadata.response_code = code;
    if let Some(edns) = &mut answer.edns {
        edns.set_rcode_high(code.high());
    }
}

/// Tells a sender whose message cannot be read, as far as it can be told whose it is.
fn malformed(question: &[u8]) -> Option<Vec<u8>> {
    let [high, low, flags, ..] = *question else {
        return None;
    };
    let is_query = flags & 0x80 == 0;
    let id = u16::from_be_bytes([high, low]);
    let answer = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
    is_query.then(|| answer.to_vec().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::op::Query;
    use hickory_proto::rr::{Name, RecordType};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::super::roster::Host;
    use super::*;

    fn zone() -> Zone {
        let section = "zone = \"pool.example\"\nname_servers = [\"node-1.pool.example\"]\n";
        Zone::new(&toml::from_str(section).unwrap()).unwrap()
    }

    fn roster(hosts: u8) -> Roster {
        let host = |id: u8| Host {
            id: id.into(),
            addresses: vec![IpAddr::from([192, 0, 2, id])],
            is_ready: true,
            connections: 0,
        };
        Roster::new((1..=hosts).map(host).collect())
    }

    fn question() -> Vec<u8> {
        let mut message = Message::query();
        let name = Name::from_ascii("pool.example.").unwrap();
        message.add_query(Query::query(name, RecordType::A));
        message.to_vec().unwrap()
    }

    #[test]
    fn an_answer_too_large_for_udp_is_cut_and_whole_over_tcp() {
        let ask = |way| {
            let bytes = answer(&question(), &zone(), &roster(60), way).unwrap();
            (bytes.len(), Message::from_vec(&bytes).unwrap())
        };
        let (length, cut) = ask(Way::Udp);
        assert!(length <= 512 && cut.metadata.truncation && cut.answers.is_empty());
        let (_, whole) = ask(Way::Tcp);
        assert!(!whole.metadata.truncation && whole.answers.len() == 60);
        let (length, cut) = ask(Way::OverLimit);
        assert!(length == question().len() && cut.metadata.truncation);
    }

    #[test]
    fn an_answer_is_not_answered() {
        let reply = answer(&question(), &zone(), &roster(1), Way::Udp).unwrap();
        assert_eq!(answer(&reply, &zone(), &roster(1), Way::Udp), None);
    }

    #[test]
    fn whatever_arrives_is_answered_within_the_bounds_or_not_at_all() {
        let seed: u64 = rand::rng().random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let (zone, roster, valid) = (zone(), roster(60), question());
        for _ in 0..20_000 {
            let mut bytes = valid.clone();
            for _ in 0..random.random_range(1..6) {
                let place = random.random_range(0..bytes.len());
                bytes[place] = random.random();
            }
            bytes.truncate(random.random_range(0..=bytes.len() + 8).min(bytes.len()));
            if let Some(reply) = answer(&bytes, &zone, &roster, Way::Udp) {
                assert!(reply.len() <= usize::from(UDP_BYTES_MAX), "{bytes:?}");
                assert_eq!(reply[..2], bytes[..2], "{bytes:?}");
            }
        }
    }
}

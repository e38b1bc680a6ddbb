//! Questions to the pool's name servers, over real sockets.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait of a resolver before it asks the next server; what resolvers usually wait.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(1);

/// The bytes of a question.
///
/// # Errors
/// When `name` is none.
pub fn question(name: &str, kind: RecordType) -> Result<Vec<u8>> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name)?, kind));
    Ok(message.to_vec()?)
}

/// An answer over UDP; `None` when none comes.
///
/// # Errors
/// When there is no socket, or the answer is none.
pub async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Result<Option<Message>> {
    ask_within(server, name, kind, PATIENCE).await
}

/// What an answer holds, in text.
pub fn texts(message: &Message) -> BTreeSet<String> {
    let answers = message.answers.iter();
    answers.map(|record| record.data.to_string()).collect()
}

/// The addresses of a name, from the first of these servers that answers, as the resolver of a
/// miner's site finds them. It keeps nothing.
///
/// # Errors
/// When no server answers.
pub async fn resolve(servers: &[SocketAddr], name: &str) -> Result<Vec<IpAddr>> {
    for server in servers {
        let asked = ask_within(*server, name, RecordType::A, RESOLVER_PATIENCE).await;
        if let Ok(Some(message)) = asked {
            let texts = message.answers.iter();
            let texts = texts.map(|record| record.data.to_string());
            return Ok(texts.filter_map(|text| text.parse().ok()).collect());
        }
    }
    None.context("no name server answers")
}

async fn ask_within(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    patience: Duration,
) -> Result<Option<Message>> {
    let own: SocketAddr = match server.ip().is_loopback() {
        true => SocketAddr::from(([127, 0, 0, 1], 0)),
        false => SocketAddr::from(([0, 0, 0, 0], 0)),
    };
    let socket = UdpSocket::bind(own).await?;
    socket.send_to(&question(name, kind)?, server).await?;
    let mut buffer = [0; 2_048];
    match tokio::time::timeout(patience, socket.recv_from(&mut buffer)).await {
        Ok(received) => Ok(Some(Message::from_vec(&buffer[..received?.0])?)),
        Err(_) => Ok(None),
    }
}

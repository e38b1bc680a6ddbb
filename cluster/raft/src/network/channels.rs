//! One channel per peer and purpose, and calls with a deadline over it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tower::Service;

use super::dial::{DialError, Dialer};
use super::envelope::ANYBODY;
use super::peer::peer_client::PeerClient;
use super::{MESSAGE_BYTES_MAX, envelope};
use crate::Identity;
use crate::certificates::{CertificateStore, PeerName};
use crate::error::chain;

/// For a whole connection: looking the name up, TCP, TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2_500);
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// A channel that missed a deadline is given up when nothing came over it for so long. A shorter
/// time would cut off connections that are still being made, or wait for a slow disk.
const SILENT_MAX: Duration = Duration::from_millis(500);

/// What a channel is for. Each has its own, so that large messages do not delay small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Entries.
    Replication,
    /// Heartbeats, votes, and the handing over of leadership.
    Control,
    /// Snapshots.
    Snapshot,
    /// What is asked of the leader, and of a node's state.
    Forward,
    /// What the rest of the program asks of other nodes.
    Service,
}

impl Purpose {
    /// Whether whoever calls must know if anything was sent at all.
    fn connects_first(self) -> bool {
        matches!(self, Self::Forward | Self::Service)
    }
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing was sent.
    #[error("node {target} at {address} cannot be reached: {reason}")]
    NotSent {
        target: u64,
        address: String,
        reason: String,
    },
    /// The peer refused the call as such.
    #[error("node {target} refuses: {reason}")]
    Refused { target: u64, reason: String },
    /// It may have been received.
    #[error("no answer of node {target} at {address}: {reason}")]
    NoAnswer {
        target: u64,
        address: String,
        reason: String,
    },
}

/// The channels of one node.
pub(crate) struct Channels {
    identity: Identity,
    certificates: Arc<CertificateStore>,
    dialer: Arc<Dialer>,
    slots: Mutex<HashMap<(u64, Purpose), Slot>>,
}

struct Slot {
    channel: Channel,
    address: String,
    /// Of the certificates it was made with.
    generation: u64,
    /// When it was made, or something came over it.
    heard_at: Instant,
}

/// A channel in use.
pub(crate) struct Link {
    pub(crate) client: PeerClient<Channel>,
    target: u64,
    purpose: Purpose,
    address: String,
    generation: u64,
}

impl Channels {
    pub(crate) fn new(
        identity: Identity,
        certificates: Arc<CertificateStore>,
        dialer: Dialer,
    ) -> Self {
        Self {
            identity,
            certificates,
            dialer: Arc::new(dialer),
            slots: Mutex::default(),
        }
    }

    /// Calls a peer, for `deadline` at most.
    pub(crate) async fn call<Q, A, F>(
        &self,
        (target, address): (u64, &str),
        purpose: Purpose,
        deadline: Duration,
        message: Q,
        call: impl FnOnce(PeerClient<Channel>, Request<Q>) -> F,
    ) -> Result<A, CallError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let until = Instant::now() + deadline;
        let link = self.link((target, address), purpose, until).await?;
        let mut request = Request::new(message);
        envelope::address(&mut request, self.identity, target);
        match tokio::time::timeout_at(until, call(link.client.clone(), request)).await {
            Ok(Ok(response)) => {
                self.heard(&link);
                Ok(response.into_inner())
            }
            Ok(Err(status)) => Err(self.failed(&link, &status)),
            Err(_) => Err(self.late(&link, deadline)),
        }
    }

    /// The channel of a peer and purpose. Where the caller must know whether anything was sent, it
    /// is connected when this returns; other channels connect when used.
    pub(crate) async fn link(
        &self,
        (target, address): (u64, &str),
        purpose: Purpose,
        until: Instant,
    ) -> Result<Link, CallError> {
        let material = self.certificates.current();
        let generation = material.generation;
        let link = |channel| Link {
            client: PeerClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            target,
            purpose,
            address: address.to_owned(),
            generation,
        };
        if let Some(slot) = self.slots.lock().get(&(target, purpose))
            && (slot.address.as_str(), slot.generation) == (address, generation)
        {
            return Ok(link(slot.channel.clone()));
        }
        let not_sent = |reason: String| CallError::NotSent {
            target,
            address: address.to_owned(),
            reason,
        };
        if address.is_empty() {
            return Err(not_sent("no address is known".to_owned()));
        }
        let name = self.name_of(target);
        let endpoint = endpoint(&name)
            .and_then(|endpoint| endpoint.tls_config(material.client(&name)))
            .map_err(|error| not_sent(chain(&error)))?;
        let connector = self.connector(address);
        let channel = match purpose.connects_first() {
            true => {
                let connected = endpoint.connect_with_connector(connector);
                match tokio::time::timeout_at(until, connected).await {
                    Ok(connected) => connected.map_err(|error| not_sent(chain(&error)))?,
                    Err(_) => return Err(not_sent("not connected in time".to_owned())),
                }
            }
            false => endpoint.connect_with_connector_lazy(connector),
        };
        // Who was called as anybody is called by its id from now on.
        if target == ANYBODY {
            return Ok(link(channel));
        }
        let slot = Slot {
            channel: channel.clone(),
            address: address.to_owned(),
            generation,
            heard_at: Instant::now(),
        };
        self.slots.lock().insert((target, purpose), slot);
        Ok(link(channel))
    }

    /// What whoever is called must prove to be.
    fn name_of(&self, target: u64) -> String {
        let cluster_id = self.identity.cluster_id;
        match target {
            ANYBODY => PeerName::of_anybody(cluster_id),
            node_id => PeerName {
                cluster_id,
                node_id,
            }
            .to_string(),
        }
    }

    /// Connects to `address`, whatever the URI says: that holds the name to be proved.
    fn connector(
        &self,
        address: &str,
    ) -> impl Service<Uri, Response = TokioIo<TcpStream>, Error = DialError, Future: Send> + Send + use<>
    {
        let (dialer, address) = (self.dialer.clone(), address.to_owned());
        tower::service_fn(move |_| {
            let (dialer, address) = (dialer.clone(), address.clone());
            async move { dialer.dial(&address).await.map(TokioIo::new) }
        })
    }

    pub(crate) fn heard(&self, link: &Link) {
        if let Some(slot) = self.slots.lock().get_mut(&(link.target, link.purpose)) {
            slot.heard_at = Instant::now();
        }
    }

    /// What a status means, and whether the channel is still good.
    pub(crate) fn failed(&self, link: &Link, status: &Status) -> CallError {
        let (target, address) = (link.target, link.address.clone());
        if let Some(source) = std::error::Error::source(status) {
            self.discard(link, Duration::ZERO);
            let reason = chain(source);
            return CallError::NoAnswer {
                target,
                address,
                reason,
            };
        }
        self.heard(link);
        let reason = status.message().to_owned();
        match status.code() {
            Code::FailedPrecondition | Code::InvalidArgument | Code::PermissionDenied => {
                CallError::Refused { target, reason }
            }
            _ => CallError::NoAnswer {
                target,
                address,
                reason,
            },
        }
    }

    /// The deadline passed without an answer.
    pub(crate) fn late(&self, link: &Link, deadline: Duration) -> CallError {
        self.discard(link, SILENT_MAX);
        let waited_ms = deadline.as_millis();
        CallError::NoAnswer {
            target: link.target,
            address: link.address.clone(),
            reason: format!("nothing within {waited_ms} ms"),
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Gives a channel up if it has been silent for so long; the next call makes another one.
    fn discard(&self, link: &Link, silent: Duration) {
        let mut slots = self.slots.lock();
        let key = (link.target, link.purpose);
        let is_same = |slot: &Slot| {
            slot.address == link.address
                && slot.generation == link.generation
                && slot.heard_at.elapsed() >= silent
        };
        if slots.get(&key).is_some_and(is_same) {
            slots.remove(&key);
        }
    }
}

fn endpoint(name: &str) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(format!("https://{name}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20))
}

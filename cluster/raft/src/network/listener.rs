//! Where peers connect: mutual TLS, then gRPC.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Status};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::peer::peer_server::PeerServer;
use super::service::Service;
use super::{MESSAGE_BYTES_MAX, envelope};
use crate::Identity;
use crate::certificates::{CertificateStore, PeerName};

/// A connection that does not prove itself in this time is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections at once; a peer needs four.
const CONNECTIONS_MAX: usize = 512;
const CALLS_PER_CONNECTION_MAX: u32 = 4_096;
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// After a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running listener.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    closing: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Takes the address.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Listener {
    /// Answers peers from now on.
    pub(crate) fn serve(
        (listener, address): (TcpListener, SocketAddr),
        identity: Identity,
        certificates: Arc<CertificateStore>,
        service: Service,
    ) -> Self {
        let closing = CancellationToken::new();
        let (accepted, connections) = mpsc::channel(16);
        let accept = Accept {
            certificates,
            identity,
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            accepted,
            closing: closing.clone(),
        };
        let tasks = vec![
            tokio::spawn(accept.run(listener)),
            tokio::spawn(serve(connections, identity, service)),
        ];
        Self {
            address,
            closing,
            tasks,
        }
    }

    /// Closes the listener and every connection. What is being answered is not finished.
    pub(crate) async fn close(self) {
        self.closing.cancel();
        for task in self.tasks {
            task.abort();
            // Ended either way; only now its handles are gone.
            let _ = task.await;
        }
    }
}

async fn serve(connections: mpsc::Receiver<PeerStream>, identity: Identity, service: Service) {
    let incoming = stream::unfold(connections, |mut connections| async {
        let connection = connections.recv().await?;
        Some((Ok::<_, io::Error>(connection), connections))
    });
    let service = PeerServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let check = move |mut request: Request<()>| {
        let Some(shown) = request.extensions().get::<PeerName>().copied() else {
            return Err(Status::unauthenticated("the caller showed no certificate"));
        };
        let caller =
            envelope::check(request.metadata(), shown, identity).inspect_err(|status| {
                let reason = status.message();
                tracing::warn!(peer = %shown, reason, "a call was refused");
            })?;
        request.extensions_mut().insert(caller);
        Ok(request)
    };
    let served = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20)
        .add_service(InterceptedService::new(service, check))
        .serve_with_incoming(incoming)
        .await;
    if let Err(error) = served {
        let error = crate::error::chain(&error);
        tracing::error!(error, "the peer listener has ended");
    }
}

struct Accept {
    certificates: Arc<CertificateStore>,
    identity: Identity,
    room: Arc<Semaphore>,
    accepted: mpsc::Sender<PeerStream>,
    closing: CancellationToken,
}

impl Accept {
    async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        loop {
            let Ok(room) = this.room.clone().acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((socket, from)) => {
                    tokio::spawn(this.clone().prove(socket, from, room));
                }
                Err(error) => {
                    tracing::warn!(%error, "a peer could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Lets in whoever shows a certificate of this cluster.
    async fn prove(
        self: Arc<Self>,
        socket: TcpStream,
        from: SocketAddr,
        room: OwnedSemaphorePermit,
    ) {
        let _ = socket.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.certificates.current().server.clone());
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        let handshake = self.closing.run_until_cancelled(handshake).await;
        let stream = match handshake {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => {
                tracing::info!(%from, %error, "a connection did not prove itself");
                return;
            }
            Some(Err(_)) | None => return,
        };
        let Some(shown) = name_of(&stream) else {
            tracing::warn!(%from, "a certificate of the cluster names no node");
            return;
        };
        if shown.node_id == self.identity.node_id {
            tracing::warn!(%from, %shown, "somebody has this node's own certificate");
        }
        let stream = PeerStream {
            stream,
            shown,
            closing: Box::pin(self.closing.clone().cancelled_owned()),
            _room: room,
        };
        let _ = self.accepted.send(stream).await;
    }
}

fn name_of(stream: &TlsStream<TcpStream>) -> Option<PeerName> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    let (_, certificate) = X509Certificate::from_der(certificates.first()?).ok()?;
    PeerName::of(&certificate)
}

/// A connection of a peer that has proved itself. It breaks when the listener is closed.
struct PeerStream {
    stream: TlsStream<TcpStream>,
    shown: PeerName,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    _room: OwnedSemaphorePermit,
}

impl PeerStream {
    fn poll_open(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.closing.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for PeerStream {
    type ConnectInfo = PeerName;

    fn connect_info(&self) -> PeerName {
        self.shown
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_open(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_open(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_open(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_open(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

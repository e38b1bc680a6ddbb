//! Listeners whose connections can be broken: one by one for a lost answer, all for a stopped server.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Handle to one connection, given to its request handlers.
#[derive(Clone)]
pub(crate) struct Connection(CancellationToken);

impl Connection {
    /// Breaks the connection: reads and writes fail from now on.
    pub(crate) fn break_off(&self) {
        self.0.cancel();
    }
}

/// A running HTTP server.
pub(crate) struct Server {
    address: SocketAddr,
    connections: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves a router on an address; port 0 asks for a free one.
    pub(crate) async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let connections = CancellationToken::new();
        let listener = BreakableListener {
            listener,
            connections: connections.clone(),
        };
        let service = router.into_make_service_with_connect_info::<Connection>();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "simulated server stopped");
            }
        });
        Ok(Self {
            address,
            connections,
            task,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and breaks every connection; the port is free when this returns.
    pub(crate) async fn stop(mut self) {
        self.connections.cancel();
        self.task.abort();
        // An aborted task ends with an error that says only that.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.cancel();
        self.task.abort();
    }
}

struct BreakableListener {
    listener: TcpListener,
    connections: CancellationToken,
}

impl Listener for BreakableListener {
    type Io = BreakableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let token = self.connections.child_token();
        let broken = Box::pin(token.clone().cancelled_owned());
        (
            BreakableStream {
                stream,
                broken,
                connection: Connection(token),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, BreakableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, BreakableListener>) -> Self {
        stream.io().connection.clone()
    }
}

struct BreakableStream {
    stream: TcpStream,
    broken: Pin<Box<WaitForCancellationFutureOwned>>,
    connection: Connection,
}

impl BreakableStream {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.broken.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for BreakableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BreakableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.connection.0.is_cancelled() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

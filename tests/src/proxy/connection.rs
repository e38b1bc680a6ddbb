//! One connection through the proxy: two ways, each with its own queue.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Backend, Passage, Way, Ways, reset};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces under way; beyond, the sender has to wait as with a full window.
const PIECES_MAX: usize = 64;

/// Carries a connection that `link.0` opened to `link.1` until one end closes it or it is broken.
pub(super) async fn carry(ways: Ways, link: (u64, u64), incoming: TcpStream, backend: Backend) {
    let (from, to) = link;
    let there = ways.watch(from, to);
    let back = ways.watch(to, from);
    // Both ways are needed before a connection comes about.
    let opened = async {
        open(there.clone()).await;
        open(back.clone()).await;
    };
    tokio::select! {
        () = opened => {}
        () = broken(there.clone()) => return reset(incoming),
        () = broken(back.clone()) => return reset(incoming),
    }
    let outgoing = match backend() {
        Some(address) => TcpStream::connect(address).await,
        None => Err(io::ErrorKind::ConnectionRefused.into()),
    };
    let Ok(outgoing) = outgoing else {
        return reset(incoming);
    };
    // Small messages must not wait for each other; a failure only makes the test slower.
    let _ = (incoming.set_nodelay(true), outgoing.set_nodelay(true));
    let (from_opener, to_opener) = incoming.into_split();
    let (from_target, to_target) = outgoing.into_split();
    let carried = async {
        tokio::try_join!(
            pass(from_opener, to_target, there.clone(), ways.random(from, to)),
            pass(from_target, to_opener, back.clone(), ways.random(to, from)),
        )
    };
    tokio::select! {
        // An error of one way ends both, because dropping the streams closes them.
        _ = carried => {}
        () = broken(there.clone()) => {}
        () = broken(back.clone()) => {}
    }
}

/// Carries one way of a connection to its end.
async fn pass(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    way: watch::Receiver<Way>,
    mut random: rand::rngs::StdRng,
) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let conditions = way.clone();
    let read = async move {
        let mut due = Instant::now();
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let count = reader.read(&mut piece).await?;
            if count == 0 {
                return Ok(());
            }
            piece.truncate(count);
            let latency: Duration = conditions.borrow().latency(&mut random);
            // Bytes never overtake each other.
            due = due.max(Instant::now() + latency);
            if sender.send((due, piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            open(way.clone()).await;
            writer.write_all(&piece).await?;
        }
        open(way.clone()).await;
        writer.shutdown().await
    };
    tokio::try_join!(read, write).map(|_: ((), ())| ())
}

/// Ends when the way is open.
async fn open(mut way: watch::Receiver<Way>) {
    // The sender lives as long as any copy of the ways.
    let _ = way.wait_for(|way| way.passage == Passage::Open).await;
}

/// Ends when the way is broken.
async fn broken(mut way: watch::Receiver<Way>) {
    let _ = way.wait_for(|way| way.passage == Passage::Broken).await;
}

//! Snapshots on their way to and from another node.
//!
//! A transfer has a deadline as a whole and one for each piece: without the first, a slow peer
//! would hold the sender for ever; without the second, a dead one would hold it until the first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use raftpool_store::{SnapshotFiles, SnapshotReceiver, StateStore, StoreError, Vote};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status, Streaming};

use super::channels::{CallError, Channels, Purpose};
use super::peer::snapshot_part::Part;
use super::{convert, envelope, peer};
use crate::error::chain;

/// For a whole snapshot.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// For one piece of it.
const PIECE_TIMEOUT: Duration = Duration::from_secs(10);
const CHUNK_BYTES_MAX: u64 = 1 << 20;
const CHUNK_BYTES_MIN: u64 = 4 << 10;

/// Sends a snapshot and returns the receiver's vote after it has installed it.
pub(super) async fn send(
    channels: &Channels,
    peer: (u64, &str),
    vote: &Vote,
    files: Arc<SnapshotFiles>,
    bytes_per_second: u64,
) -> Result<Vote, CallError> {
    let until = Instant::now() + TRANSFER_TIMEOUT;
    let link = channels.link(peer, Purpose::Snapshot, until).await?;
    let broken = |reason: String| CallError::NoAnswer {
        target: peer.0,
        address: peer.1.to_owned(),
        reason,
    };
    let manifest = files.manifest_bytes();
    let manifest = manifest.map_err(|error| broken(chain(&error)))?;
    let header = peer::SnapshotHeader {
        vote: convert::vote_bytes(vote),
        manifest: manifest.into(),
    };
    // Bounded, so that no more is read than the peer takes.
    let (sender, receiver) = mpsc::channel(2);
    let parts = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|part| (part, receiver))
    });
    let mut request = Request::new(parts);
    envelope::address(&mut request, channels.identity(), peer.0);
    let mut client = link.client.clone();
    let mut call = std::pin::pin!(client.install_snapshot(request));
    let mut feed = std::pin::pin!(feed(files, header, bytes_per_second, sender));
    let mut is_fed = false;
    loop {
        tokio::select! {
            answer = &mut call => {
                return match answer {
                    Ok(answer) => {
                        channels.heard(&link);
                        convert::vote_of(&answer.into_inner().vote)
                            .map_err(|status| broken(status.message().to_owned()))
                    }
                    Err(status) => Err(channels.failed(&link, &status)),
                };
            }
            fed = &mut feed, if !is_fed => {
                is_fed = true;
                fed.map_err(broken)?;
            }
            () = tokio::time::sleep_until(until) => {
                return Err(channels.late(&link, TRANSFER_TIMEOUT));
            }
        }
    }
}

/// Reads the files and hands them out, no faster than allowed. Ends early, without an error, when
/// nobody takes them any more: whoever stopped taking them says why.
async fn feed(
    files: Arc<SnapshotFiles>,
    header: peer::SnapshotHeader,
    bytes_per_second: u64,
    sender: mpsc::Sender<peer::SnapshotPart>,
) -> Result<(), String> {
    let bytes_per_second = bytes_per_second.max(1);
    // Small enough that the receiver never waits long for the next piece.
    let chunk_bytes = (bytes_per_second / 4).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
    let hand_out = async |part| {
        let part = peer::SnapshotPart { part: Some(part) };
        match timeout(PIECE_TIMEOUT, sender.send(part)).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err("the peer takes nothing any more".to_owned()),
        }
    };
    if !hand_out(Part::Header(header)).await? {
        return Ok(());
    }
    let (started, mut sent) = (Instant::now(), 0_u64);
    for (number, (path, size)) in files.files().into_iter().enumerate() {
        let failed = |error: std::io::Error| format!("read {}: {error}", path.display());
        let mut file = File::open(&path).await.map_err(failed)?;
        let mut offset = 0;
        // Also an empty file takes one chunk.
        loop {
            let length = chunk_bytes.min(size - offset);
            let mut data = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact(&mut data).await.map_err(failed)?;
            let checksum = crc32c::crc32c(&data);
            let chunk = peer::SnapshotChunk {
                file: u32::try_from(number).unwrap_or(u32::MAX),
                offset,
                data: Bytes::from(data),
                checksum,
            };
            if !hand_out(Part::Chunk(chunk)).await? {
                return Ok(());
            }
            (offset, sent) = (offset + length, sent + length);
            let due_us = u128::from(sent) * 1_000_000 / u128::from(bytes_per_second);
            let due = Duration::from_micros(u64::try_from(due_us).unwrap_or(u64::MAX));
            tokio::time::sleep_until(started + due).await;
            if offset == size {
                break;
            }
        }
    }
    hand_out(Part::End(peer::SnapshotEnd {})).await.map(drop)
}

/// Takes in a whole snapshot: the sender's vote, and the files, checked.
pub(super) async fn receive(
    state: &StateStore,
    parts: Streaming<peer::SnapshotPart>,
) -> Result<(Vote, SnapshotFiles), Status> {
    match timeout(TRANSFER_TIMEOUT, receive_parts(state, parts)).await {
        Ok(received) => received,
        Err(_) => Err(Status::deadline_exceeded("the snapshot took too long")),
    }
}

async fn receive_parts(
    state: &StateStore,
    mut parts: Streaming<peer::SnapshotPart>,
) -> Result<(Vote, SnapshotFiles), Status> {
    let Part::Header(header) = next(&mut parts).await? else {
        return Err(Status::invalid_argument(
            "a snapshot begins with its header",
        ));
    };
    let vote = convert::vote_of(&header.vote)?;
    let state = state.clone();
    let manifest = header.manifest;
    let mut receiver = blocking(move || state.receive_snapshot(&manifest)).await?;
    loop {
        match next(&mut parts).await? {
            Part::Chunk(chunk) => receiver = take(receiver, chunk).await?,
            Part::End(_) => break,
            Part::Header(_) => return Err(Status::invalid_argument("a second header")),
        }
    }
    Ok((vote, blocking(move || receiver.finish()).await?))
}

async fn take(
    mut receiver: SnapshotReceiver,
    chunk: peer::SnapshotChunk,
) -> Result<SnapshotReceiver, Status> {
    if crc32c::crc32c(&chunk.data) != chunk.checksum {
        return Err(Status::invalid_argument(
            "a piece of the snapshot was damaged on its way",
        ));
    }
    blocking(move || {
        let file = usize::try_from(chunk.file).unwrap_or(usize::MAX);
        receiver.write(file, chunk.offset, &chunk.data)?;
        Ok(receiver)
    })
    .await
}

async fn next(parts: &mut Streaming<peer::SnapshotPart>) -> Result<Part, Status> {
    let part = match timeout(PIECE_TIMEOUT, parts.message()).await {
        Ok(part) => part?,
        Err(_) => return Err(Status::deadline_exceeded("the next piece did not come")),
    };
    let part = part.and_then(|part| part.part);
    part.ok_or_else(|| Status::invalid_argument("the snapshot ended too early"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| Status::aborted(chain(&error))),
        Err(_) => Err(Status::internal("receiving a snapshot panicked")),
    }
}

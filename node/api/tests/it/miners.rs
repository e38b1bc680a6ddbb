//! Paths for miners beside the API's own.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::ws::Message as ServerMessage;
use axum::extract::{ConnectInfo, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::TestPool;

/// Says who came, then repeats what it hears.
async fn echo(ConnectInfo(peer): ConnectInfo<SocketAddr>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let mut next = Some(Ok(ServerMessage::text(peer.to_string())));
        while let Some(Ok(message)) = next {
            if socket.send(message).await.is_err() {
                return;
            }
            next = socket.recv().await;
        }
    })
}

#[tokio::test]
async fn an_upgraded_connection_is_the_miners_side_and_outlives_the_api() -> anyhow::Result<()> {
    let pool = TestPool::with_miners(Router::new().route("/echo", get(echo))).await?;
    let url = pool.url("/echo").replacen("http", "ws", 1);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    let MaybeTlsStream::Plain(stream) = socket.get_ref() else {
        anyhow::bail!("not plain");
    };
    let own = stream.local_addr()?.to_string();
    let said = socket.next().await.context("closed")??;
    assert_eq!(said.to_text()?, own, "the socket's own address");

    let unknown = reqwest::get(pool.url("/api/v1/further")).await?;
    assert_eq!(unknown.status(), 404, "the API's other paths are as before");
    pool.server.shutdown().await;
    socket.send(Message::text("still there?")).await?;
    let said = socket.next().await.context("closed")??;
    assert_eq!(said.to_text()?, "still there?");
    Ok(())
}

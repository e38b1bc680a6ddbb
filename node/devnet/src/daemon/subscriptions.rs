//! The daemon's WebSocket: the same methods as over HTTP, and events.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::Daemon;
use crate::{
    chain::{EVENT_NAMES, Event},
    rpc::{Outcome, Params, RpcError, process, read_request, wrap},
};

const PING_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct SubscribeParams {
    notify: String,
}

/// Events a connection wants, each with the id its notifications carry.
#[derive(Default)]
struct Subscriptions {
    ids: HashMap<String, Value>,
}

/// Serves one connection until it ends.
pub(super) async fn run(daemon: Arc<Daemon>, mut socket: WebSocket) {
    let mut events = daemon.view().subscribe();
    let mut subscriptions = Subscriptions::default();
    let mut ping = tokio::time::interval(PING_INTERVAL);
    loop {
        let answer = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    match answer(&daemon, &mut subscriptions, text.as_bytes()).await {
                        Outcome::Answer(answer) => answer.map(text_message),
                        Outcome::Silent => None,
                        Outcome::Broken | Outcome::Http500 => return,
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            event = events.recv() => match event {
                Ok(event) => subscriptions.notification(&event).map(text_message),
                Err(RecvError::Lagged(_)) => None,
                Err(RecvError::Closed) => return,
            },
            _ = ping.tick() => Some(Message::Ping(Vec::new().into())),
        };
        if let Some(answer) = answer
            && socket.send(answer).await.is_err()
        {
            return;
        }
    }
}

async fn answer(daemon: &Daemon, subscriptions: &mut Subscriptions, body: &[u8]) -> Outcome {
    if let Ok(request) = serde_json::from_slice::<Value>(body)
        && let Ok(request) = read_request(request)
    {
        let result = match request.method.as_str() {
            "subscribe" => Some(subscriptions.subscribe(&request.id, request.params)),
            "unsubscribe" => Some(subscriptions.unsubscribe(request.params)),
            _ => None,
        };
        if let Some(result) = result {
            return Outcome::Answer(wrap(&request.id, result));
        }
    }
    process(daemon, body).await
}

fn text_message(value: Value) -> Message {
    Message::Text(value.to_string().into())
}

impl Subscriptions {
    fn subscribe(&mut self, id: &Value, params: Params) -> Result<Value, RpcError> {
        let name = read_event(params)?;
        if self.ids.contains_key(&name) {
            return Err(RpcError::new(
                -2,
                "EVENT_ALREADY_SUBSCRIBED",
                "Event is already subscribed",
            ));
        }
        self.ids.insert(name, id.clone());
        Ok(json!(true))
    }

    fn unsubscribe(&mut self, params: Params) -> Result<Value, RpcError> {
        let name = read_event(params)?;
        match self.ids.remove(&name) {
            Some(_) => Ok(json!(true)),
            None => Err(RpcError::new(
                -1,
                "EVENT_NOT_SUBSCRIBED",
                "Event is not subscribed",
            )),
        }
    }

    fn notification(&self, event: &Event) -> Option<Value> {
        let id = self.ids.get(event.name)?;
        Some(json!({ "jsonrpc": "2.0", "id": id, "result": event.body }))
    }
}

fn read_event(params: Params) -> Result<String, RpcError> {
    let params: SubscribeParams = params.read()?;
    if EVENT_NAMES.contains(&params.notify.as_str()) {
        return Ok(params.notify);
    }
    let known: Vec<String> = EVENT_NAMES.iter().map(|name| format!("`{name}`")).collect();
    let reason = format!(
        "unknown variant `{}`, expected one of {}",
        params.notify,
        known.join(", ")
    );
    Err(RpcError::invalid_params(reason))
}

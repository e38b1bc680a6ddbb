//! Fake endpoints for the tests: recorded answers, and answers that go wrong in every way.

use std::{
    collections::VecDeque,
    future::{self, Future},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode},
    routing::post,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time};

use crate::{Address, BlockHeader, Hash, Network};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The pool's address in the recorded exchanges.
pub(crate) const POOL: &str = "xet:hth3pjc4p7dppz7l7y6de6t02j37wy9frfc9yh603lh3v6hdhg8qq485q07";

pub(crate) fn pool() -> Address {
    Address::parse(POOL, Network::Devnet).expect("a recorded address")
}

/// Waits until the condition holds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            time::sleep(Duration::from_millis(2)).await;
        }
    };
    time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"));
}

/// Bounds a future, so that a test fails instead of hanging.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("took too long: {what}"))
}

/// How a fake endpoint answers.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A JSON-RPC answer; the request's id is filled in.
    Rpc(Value),
    /// A body as it is.
    Raw(u16, Vec<u8>),
    /// The request is read, and nothing ever comes back.
    Never,
}

impl Reply {
    pub(crate) fn result(result: Value) -> Self {
        Self::Rpc(json!({"jsonrpc": "2.0", "result": result}))
    }

    pub(crate) fn error(code: i64, kind: &str, message: &str) -> Self {
        let error = json!({"code": code, "kind": kind, "message": message});
        Self::Rpc(json!({"jsonrpc": "2.0", "error": error}))
    }
}

type Answer = dyn Fn(&Value) -> Reply + Send + Sync;

/// An HTTP server on a free port.
pub(crate) struct FakeEndpoint {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    answer: Box<Answer>,
    requests: Mutex<Vec<Value>>,
    authorizations: Mutex<Vec<Option<String>>>,
}

impl FakeEndpoint {
    pub(crate) async fn start(answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            requests: Mutex::default(),
            authorizations: Mutex::default(),
        });
        let router = Router::new()
            .route("/json_rpc", post(handle))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self {
            url,
            shared,
            _server: server,
        }
    }

    /// Answers with these exchanges in their order; any other method is an error.
    pub(crate) async fn replaying(exchanges: Vec<Exchange>) -> Self {
        let script = Mutex::new(VecDeque::from(exchanges));
        Self::start(move |request| match script.lock().pop_front() {
            Some(next) if next.method() == request["method"] => next.reply(),
            _ => Reply::Raw(500, format!("not in the script: {request}").into_bytes()),
        })
        .await
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().clone()
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request["method"] == method)
            .count()
    }

    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.shared.authorizations.lock().clone()
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).expect("our requests are JSON");
    let authorization = headers
        .get("authorization")
        .map(|value| value.to_str().expect("text").to_owned());
    shared.authorizations.lock().push(authorization);
    shared.requests.lock().push(request.clone());
    let (status, body) = match (shared.answer)(&request) {
        Reply::Rpc(mut answer) => {
            answer["id"] = request["id"].clone();
            (200, answer.to_string().into_bytes())
        }
        Reply::Raw(status, body) => (status, body),
        Reply::Never => future::pending().await,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

/// A port on which nobody listens.
pub(crate) async fn refused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// One recorded request with its answer.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) endpoint: String,
    pub(crate) status: u16,
    pub(crate) request: Value,
    pub(crate) response: Value,
    pub(crate) note: String,
}

impl Exchange {
    pub(crate) fn method(&self) -> &str {
        self.request["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn param(&self, name: &str) -> String {
        self.request["params"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn reply(&self) -> Reply {
        match self.response.get("_http_body") {
            Some(body) => Reply::Raw(self.status, body.as_str().unwrap_or_default().into()),
            None => Reply::Rpc(self.response.clone()),
        }
    }

    /// An exchange that was not recorded.
    pub(crate) fn made_up(method: &str, reply: Value) -> Self {
        Self {
            endpoint: String::new(),
            status: 200,
            request: json!({"method": method}),
            response: reply,
            note: "made up".to_owned(),
        }
    }
}

pub(crate) fn recorded() -> Vec<Exchange> {
    let files = [
        include_str!("../testdata/daemon-rpc.jsonl"),
        include_str!("../testdata/dag.jsonl"),
        include_str!("../testdata/payout.jsonl"),
    ];
    let exchange = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a recorded line is JSON");
        Exchange {
            endpoint: line["endpoint"].as_str().expect("an endpoint").to_owned(),
            status: line["http_status"]
                .as_u64()
                .expect("a status")
                .try_into()
                .expect("small"),
            request: line["request"].clone(),
            response: line["response"].clone(),
            note: line["note"].as_str().unwrap_or_default().to_owned(),
        }
    };
    files
        .iter()
        .flat_map(|file| file.lines())
        .map(exchange)
        .collect()
}

/// The first recorded exchange with this endpoint, method and note.
pub(crate) fn exchange(endpoint: &str, method: &str, note: &str) -> Exchange {
    let matches = |exchange: &Exchange| {
        exchange.endpoint == endpoint && exchange.method() == method && exchange.note == note
    };
    recorded()
        .into_iter()
        .find(matches)
        .unwrap_or_else(|| panic!("{endpoint} {method} ({note})"))
}

/// What a fake daemon says, changeable while it runs.
#[derive(Clone)]
pub(crate) struct DaemonState {
    pub(crate) network: Network,
    pub(crate) height: u64,
    /// None: P2P is off.
    pub(crate) peers_topoheight: Option<u64>,
    /// Overrides every answer.
    pub(crate) trouble: Option<Reply>,
    pub(crate) submit: Reply,
    pub(crate) nonce: u64,
}

/// A daemon whose chain is one block per height.
pub(crate) struct FakeDaemon {
    pub(crate) endpoint: FakeEndpoint,
    pub(crate) state: Arc<Mutex<DaemonState>>,
}

impl FakeDaemon {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(DaemonState {
            network: Network::Devnet,
            height: 100,
            peers_topoheight: None,
            trouble: None,
            submit: Reply::result(json!(true)),
            nonce: 0,
        }));
        let shared = state.clone();
        let endpoint = FakeEndpoint::start(move |request| shared.lock().answer(request)).await;
        Self { endpoint, state }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut DaemonState)) {
        change(&mut self.state.lock());
    }
}

impl DaemonState {
    fn answer(&self, request: &Value) -> Reply {
        if let Some(trouble) = &self.trouble {
            return trouble.clone();
        }
        let height = self.height;
        match request["method"].as_str().unwrap_or_default() {
            "get_info" => Reply::result(json!({
                "network": self.network, "height": height, "topoheight": height,
                "stableheight": height - 24, "stable_topoheight": height - 24,
                "difficulty": "10000", "top_block_hash": Hash([7; 32]), "block_time_target": 5000,
                "miner_reward": 43869008, "version": "1.23.0",
            })),
            "get_topoheight" => Reply::result(json!(height)),
            "p2p_status" => match self.peers_topoheight {
                None => Reply::error(
                    -32602,
                    "INVALID_PARAMS",
                    "Invalid params: P2p engine is not running",
                ),
                Some(best) => Reply::result(json!({
                    "our_topoheight": height, "best_topoheight": best,
                    "median_topoheight": best, "peer_count": 8,
                })),
            },
            "get_block_template" => self.template(request),
            "has_nonce" => Reply::result(json!({"exist": true})),
            "get_nonce" => Reply::result(json!({"nonce": self.nonce, "topoheight": 1})),
            "submit_block" | "submit_transaction" => self.submit.clone(),
            other => Reply::error(-32601, "METHOD_NOT_FOUND", other),
        }
    }

    fn template(&self, request: &Value) -> Reply {
        let text = request["params"]["address"].as_str().unwrap_or_default();
        let Ok(address) = Address::parse(text, self.network) else {
            return Reply::error(
                -32602,
                "INVALID_PARAMS",
                "Invalid params: Invalid network state",
            );
        };
        let header = BlockHeader {
            version: 6,
            height: self.height + 1,
            timestamp_ms: 1,
            nonce: 0,
            extra_nonce: [0; 32],
            tips: vec![Hash::of(&self.height.to_be_bytes())],
            transactions: Vec::new(),
            miner_key: *address.public_key(),
        };
        Reply::result(json!({
            "template": hex::encode(header.encode()), "algorithm": "xel/v3",
            "height": self.height + 1, "topoheight": self.height, "difficulty": "10000",
        }))
    }
}

//! An admin socket for tests, and a client that checks the form of every answer.
//!
//! What may surprise: the routes of the cluster's members are not answered from the books and so
//! name no index; they are asked with [`AdminSocket::ask_unindexed`].

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use raftpool_api::{AdminParts, AdminServer};
use raftpool_ledger::testing::MemoryCluster;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::doubles::NoBackups;
use crate::support::{TestBans, TestClock, TestControl, TestDrain, TestIssuer, TestPayouts};

/// An admin socket in a directory of its own, what it works with, and a client of it.
pub struct AdminSocket {
    http: reqwest::Client,
    pub path: PathBuf,
    /// None once a test has taken it, to shut it down.
    pub server: Option<AdminServer>,
    pub control: Arc<TestControl>,
    pub bans: Arc<TestBans>,
    pub payouts: Arc<TestPayouts>,
    _directory: TempDir,
}

impl AdminSocket {
    pub async fn over(cluster: &Arc<MemoryCluster>) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("admin.sock");
        let control = Arc::new(TestControl::default());
        let bans = Arc::new(TestBans::default());
        let payouts = Arc::new(TestPayouts::default());
        let parts = AdminParts {
            control: control.clone(),
            bans: bans.clone(),
            payouts: payouts.clone(),
            ..parts(cluster)
        };
        let server = AdminServer::start(&path, parts).await?;
        let http = reqwest::Client::builder()
            .unix_socket(path.as_path())
            .build()?;
        Ok(Self {
            http,
            path,
            server: Some(server),
            control,
            bans,
            payouts,
            _directory: directory,
        })
    }

    /// Status and body; checks that a success is JSON whose body names the index of its header,
    /// and that everything else is a problem document.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let (status, index, body) = self.send(method, path, body).await?;
        if status == StatusCode::OK {
            let index: u64 = index.context("no index")?.to_str()?.parse()?;
            ensure!(body["index"] == json!(index), "{path}: {body}");
        }
        Ok((status.as_u16(), body))
    }

    /// As [`Self::ask`], but checks that neither header nor body names an index.
    pub async fn ask_unindexed(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let (status, index, body) = self.send(method, path, body).await?;
        ensure!(
            index.is_none() && body["index"].is_null(),
            "{path}: index {index:?} and {body}"
        );
        Ok((status.as_u16(), body))
    }

    /// A successful answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.ask(Method::GET, path, None).await?;
        ensure!(status == 200, "{path}: {status} {body}");
        Ok(body)
    }

    /// A successful answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(Method::POST, path, Some(body)).await?;
        ensure!(status == 200, "{path} {body}: {status} {answer}");
        Ok(answer)
    }

    /// An answer of many lines, each JSON.
    pub async fn lines(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let url = format!("http://localhost{path}");
        let response = self.http.get(url).send().await?.error_for_status()?;
        let kind = response.headers()["content-type"].to_str()?;
        ensure!(kind == "application/x-ndjson", "{path}: {kind}");
        let text = response.text().await?;
        let lines = text.lines().map(serde_json::from_str);
        Ok(lines.collect::<Result<_, _>>()?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Option<HeaderValue>, Value)> {
        let mut request = self.http.request(method, format!("http://localhost{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let kind = response.headers()["content-type"].to_str()?.to_owned();
        let wanted = match status {
            StatusCode::OK => "application/json",
            _ => "application/problem+json",
        };
        ensure!(kind == wanted, "{path}: {status} as {kind}");
        let index = response.headers().get("x-raftpool-index").cloned();
        Ok((status, index, response.json().await?))
    }
}

/// What an admin socket works with, for tests that start one by themselves.
pub fn parts(cluster: &Arc<MemoryCluster>) -> AdminParts {
    AdminParts {
        cluster: cluster.clone(),
        clock: Arc::new(TestClock),
        control: Arc::new(TestControl::default()),
        drain: Arc::new(TestDrain::default()),
        issuer: Arc::new(TestIssuer::default()),
        bans: Arc::new(TestBans::default()),
        payouts: Arc::new(TestPayouts::default()),
        backups: Arc::new(NoBackups),
    }
}

/// The body of a request for a change, made by otto for the reason "a try".
pub fn by_otto(mut body: Value) -> Value {
    body["author"] = json!("otto");
    body["reason"] = json!("a try");
    body
}

//! The client's end of the admin socket.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use raftpool_api::dto::cluster::{MemberAnswer, MemberChange, MemberRequest};
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::system::user_name;

/// A change waits for the one before it and for the cluster; both know shorter bounds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Longest time that what goes through the whole books takes.
const SLOW_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Between two questions whether a new node has caught up.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(500);

/// A connection to a node's admin socket.
pub(crate) struct AdminClient {
    http: reqwest::Client,
    socket: PathBuf,
    config_file: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    /// Nobody listens.
    #[error(
        "the node is not running: nobody listens at {}; start it with `raftpool run {}`, or \
         correct node.data_directory",
        socket.display(), config_file.display()
    )]
    NotRunning {
        /// The node's admin socket.
        socket: PathBuf,
        /// The configuration that names it.
        config_file: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error(
        "{} is not open to this user: run the command as the user that runs the node",
        .0.display()
    )]
    NotAllowed(PathBuf),
    /// The node has the question, and broke off or took too long.
    #[error(
        "no answer from {}: if a change was asked for, it is not known whether it is made; look \
         at the status before asking again", socket.display()
    )]
    NoAnswer {
        /// The node's admin socket.
        socket: PathBuf,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The node refuses, in its own words.
    #[error("{title}: {detail}")]
    Refused {
        /// The kind of refusal.
        title: String,
        /// The particulars.
        detail: String,
    },
}

impl AdminClient {
    /// A client of the node that `config`, read from `config_file`, describes.
    ///
    /// # Errors
    /// When there can be no client at all.
    pub(crate) fn new(config: &Config, config_file: &Path) -> anyhow::Result<Self> {
        let socket = config.admin_socket();
        let http = reqwest::Client::builder()
            .unix_socket(socket.as_path())
            .timeout(TIMEOUT)
            .build()
            .context("make a client of the admin socket")?;
        Ok(Self {
            http,
            socket,
            config_file: config_file.into(),
        })
    }

    /// Reads a resource below `/admin/v1`.
    ///
    /// # Errors
    /// When the node does not run, refuses, or does not answer.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.get(url(path))).await
    }

    /// Reads a resource that takes the node long to find.
    ///
    /// # Errors
    /// When the node does not run, refuses, or does not answer.
    pub(crate) async fn get_slowly(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(url(path)).timeout(SLOW_TIMEOUT);
        self.answer(request).await
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// When the node does not run, refuses, or does not answer.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        self.answer(self.http.post(url(path)).json(body)).await
    }

    /// Asks for a change of the members until it is made; `tell` hears what has become of it.
    ///
    /// # Errors
    /// When the node does not run, refuses, or does not answer.
    pub(crate) async fn change_members(
        &self,
        change: MemberChange,
        mut tell: impl FnMut(&str),
    ) -> anyhow::Result<()> {
        let path = format!("cluster/{}", change.name());
        let request = MemberRequest {
            author: user_name(),
            change,
        };
        let mut told = String::new();
        loop {
            let answer = self.post(&path, &request).await?;
            let answer: MemberAnswer =
                serde_json::from_value(answer).context("the node's answer cannot be read")?;
            if answer.detail != told {
                tell(&answer.detail);
                told = answer.detail;
            }
            if answer.is_done {
                return Ok(());
            }
            tokio::time::sleep(CATCH_UP_INTERVAL).await;
        }
    }

    /// Reads a resource of many lines, with these parameters, and gives each to `take` as it comes.
    ///
    /// # Errors
    /// When the node does not run, refuses, or breaks off, or `take` fails.
    pub(crate) async fn get_lines(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        take: &mut (dyn FnMut(&str) -> anyhow::Result<()> + Send),
    ) -> anyhow::Result<()> {
        let url = Url::parse_with_params(&url(path), parameters).context("write the question")?;
        let request = self.http.get(url).timeout(SLOW_TIMEOUT);
        let mut answer = request.send().await.map_err(|error| self.missing(error))?;
        if !answer.status().is_success() {
            let body: Value = answer.json().await.map_err(|error| self.missing(error))?;
            return Err(refused(&body).into());
        }
        let mut waiting = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.missing(error))? {
            waiting.extend_from_slice(&chunk);
            let Some(end) = waiting.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let lines = std::str::from_utf8(&waiting[..end]).context("read the node's answer")?;
            lines.lines().try_for_each(&mut *take)?;
            waiting.drain(..=end);
        }
        Ok(())
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.map_err(|error| self.missing(error))?;
        let is_success = answer.status().is_success();
        let body: Value = answer.json().await.map_err(|error| self.missing(error))?;
        if is_success {
            return Ok(body);
        }
        Err(refused(&body).into())
    }

    fn missing(&self, error: reqwest::Error) -> Missing {
        let socket = self.socket.clone();
        match connect_failure(&error) {
            Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Missing::NotRunning {
                socket,
                config_file: self.config_file.clone(),
            },
            Some(ErrorKind::PermissionDenied) => Missing::NotAllowed(socket),
            _ => Missing::NoAnswer {
                socket,
                source: error,
            },
        }
    }
}

/// The node's refusal in its own words.
fn refused(problem: &Value) -> Missing {
    let field = |name: &str| {
        problem[name]
            .as_str()
            .unwrap_or("the node says no")
            .to_owned()
    };
    Missing::Refused {
        title: field("title"),
        detail: field("detail"),
    }
}

/// Whether there is no answer because the node does not run.
pub(crate) fn is_not_running(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<Missing>(),
        Some(Missing::NotRunning { .. })
    )
}

/// The socket decides where a request goes; the host only has to be there.
fn url(path: &str) -> String {
    format!("http://localhost/admin/v1/{path}")
}

/// What the system said, when it was the connection that failed.
fn connect_failure(error: &reqwest::Error) -> Option<ErrorKind> {
    if !error.is_connect() {
        return None;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

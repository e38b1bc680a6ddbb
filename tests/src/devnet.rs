//! The simulated network as a process: what pools mine on, and the judge of their payouts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use raftpool::process::{DevnetAddresses, Process};
use serde_json::{Value, json};

use crate::processes::{DEADLINE, PoolOptions, executable, strings};

/// A running simulated network.
pub struct SimulatedNetwork {
    process: Process,
    http: reqwest::Client,
    password_file: PathBuf,
    /// Where it listens, and the pool's address on it.
    pub addresses: DevnetAddresses,
}

impl SimulatedNetwork {
    /// Starts one with its files in `directory`.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start(directory: &Path, options: &PoolOptions) -> Result<Self> {
        let at = |name: &str| directory.join(name);
        let password_file = at("wallet-password");
        std::fs::write(&password_file, "secret\n").context("write the password")?;
        if options.has_tls {
            crate::tls::write_certificate(directory)?;
        }
        let arguments = strings(&[
            "devnet",
            &format!("--host={}", options.network_host),
            "--daemon-port=0",
            "--wallet-port=0",
            "--control-port=0",
            &format!("--difficulty={}", options.network_difficulty),
            &format!(
                "--algorithm={}",
                options.algorithm.to_string().replace("xel/", "")
            ),
            &format!("--stable-depth={}", options.stable_depth),
            &format!(
                "--foreign-block-every-ms={}",
                options.foreign_block_every_ms
            ),
            &format!("--wallet-password-file={}", password_file.display()),
            &format!("--addresses-file={}", at("network.json").display()),
        ]);
        let mut process =
            Process::start("devnet", &executable()?, &arguments, &[], &at("devnet.log"))?;
        let addresses = process.addresses(&at("network.json"), DEADLINE).await?;
        Ok(Self {
            process,
            http: reqwest::Client::new(),
            password_file,
            addresses,
        })
    }

    /// File with the password of its wallet.
    pub fn password_file(&self) -> &Path {
        &self.password_file
    }

    /// Tells the network to do something.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn control(&self, action: &str, body: Value) -> Result<Value> {
        let url = format!("{}/control/{action}", self.addresses.control);
        let answer = self.http.post(url).json(&body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("control {action} {body}: {status} {text}");
        }
        Ok(if text.is_empty() {
            json!(null)
        } else {
            serde_json::from_str(&text)?
        })
    }

    /// Everything the network knows: the oracle of the payout tests.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn state(&self) -> Result<Value> {
        let url = format!("{}/control/state", self.addresses.control);
        let answer = self.http.get(url).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Whether the first daemon has a block.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn has_block(&self, hash: &str) -> Result<bool> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "get_block_by_hash",
            "params": {"hash": hash}});
        let url = format!("{}/json_rpc", self.addresses.daemon);
        let answer = self.http.post(url).json(&call).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        Ok(answer["result"]["hash"] == json!(hash))
    }

    /// What it printed.
    pub fn log(&self) -> String {
        self.process.log_text()
    }
}

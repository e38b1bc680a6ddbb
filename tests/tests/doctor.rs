//! What a host is examined for, before a node starts and while it runs, and what a supervisor is
//! told.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use raftpool_tests::command::{holds, run};
use raftpool_tests::processes::{DEADLINE, Pool, executable};
use raftpool_tests::story::hashing_options;
use raftpool_tests::wait;
use serde_json::Value;

/// The findings, and the exit code.
fn examine(pool: &Pool, environment: &[(&str, &str)]) -> Result<(Vec<Value>, Option<i32>)> {
    let output = Command::new(executable()?)
        .args(["doctor", "--output", "json"])
        .arg(pool.config_file())
        .envs(environment.iter().copied())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let findings = serde_json::from_slice(&output.stdout).context(said)?;
    Ok((findings, output.status.code()))
}

fn severity(findings: &[Value], subject: &str) -> Result<String> {
    let finding = findings
        .iter()
        .find(|finding| finding["subject"] == subject);
    let finding = finding.with_context(|| format!("no {subject} in {findings:?}"))?;
    Ok(finding["severity"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_examined_before_the_node_starts_and_the_node_while_it_runs() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", serde_json::json!({"count": 2}))
        .await?;
    let well = wait::until("the doctor finds all well", DEADLINE, || async {
        let (findings, _) = examine(&pool, &[])?;
        let parts = ["cluster", "daemon", "clock", "wallet"].map(|part| severity(&findings, part));
        let is_well = parts
            .into_iter()
            .all(|found| found.is_ok_and(|word| word == "fine"));
        Ok(is_well.then_some(findings))
    });
    let findings = well.await?;
    ensure!(
        severity(&findings, "api.listen").is_err(),
        "its own port is not taken by others"
    );
    pool.node
        .tell(&["payout", "pause"], &["--reason", "a look at the books"])?;
    let (findings, code) = examine(&pool, &[])?;
    ensure!(
        severity(&findings, "payouts")? == "warning" && code == Some(1),
        "{findings:?}"
    );

    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    let (findings, _) = examine(&pool, &[])?;
    for subject in [
        "stratum.listen",
        "api.listen",
        "disk speed",
        "daemon",
        "wallet",
    ] {
        ensure!(
            severity(&findings, subject)? != "problem",
            "{subject}: {findings:?}"
        );
    }
    let config = pool.config_file();
    let output = run(&["doctor".as_ref(), config.as_os_str()])?;
    holds(&String::from_utf8(output.stdout)?, "fine     daemon: ")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_a_node_needs_not_the_wallets_password() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    // As systemd keeps it: for the node alone.
    let nowhere = ("RAFTPOOL__WALLET__PASSWORD_FILE", "\"/nowhere/secret\"");
    let ask = |words: &[&str]| {
        let mut command = Command::new(executable()?);
        let command = command.args(words).arg(pool.config_file());
        anyhow::Ok(command.envs([nowhere]).output()?)
    };
    for words in [
        ["payout", "status"],
        ["node", "status"],
        ["ledger", "verify"],
    ] {
        let output = ask(&words)?;
        ensure!(output.status.success(), "{words:?}: {output:?}");
    }
    let (findings, code) = examine(&pool, &[nowhere])?;
    ensure!(code == Some(2) && severity(&findings, "wallet")? == "problem");
    let checked = ask(&["config", "check"])?;
    ensure!(checked.status.code() == Some(64), "{checked:?}");
    holds(&String::from_utf8(checked.stderr)?, "/nowhere/secret")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_node_from_working_comes_first_with_what_to_do() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.stop_node().await;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = format!("\"{}\"", taken.local_addr()?);
    let nobody = {
        let closed = TcpListener::bind("127.0.0.1:0")?;
        format!("[\"http://{}\"]", closed.local_addr()?)
    };
    let cases = [
        ("RAFTPOOL__API__LISTEN", taken.as_str(), "api.listen"),
        ("RAFTPOOL__DAEMON__URLS", nobody.as_str(), "daemon"),
        ("RAFTPOOL__POOL__NETWORK", "\"testnet\"", "daemon"),
    ];
    for (variable, value, subject) in cases {
        let (findings, code) = examine(&pool, &[(variable, value)])?;
        ensure!(code == Some(2), "{variable}: {findings:?}");
        let first = &findings[0];
        ensure!(
            first["severity"] == "problem" && first["subject"] == subject,
            "{first}"
        );
        ensure!(
            first["advice"]
                .as_str()
                .is_some_and(|advice| !advice.is_empty()),
            "{first}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_hears_that_the_node_is_ready_lives_and_stops() -> Result<()> {
    let mut pool = Pool::start(hashing_options()).await?;
    pool.stop_node().await;
    let path = pool.directory().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    let path = path.to_str().context("a path in UTF-8")?;
    let environment = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "200000")];
    pool.start_node(&environment).await?;
    let mut heard = String::new();
    let mut hear_until = |wanted: &str| -> Result<()> {
        let mut buffer = [0; 1_024];
        while !heard.contains(wanted) {
            let length = socket
                .recv(&mut buffer)
                .with_context(|| format!("no {wanted}: {heard}"))?;
            heard += &String::from_utf8_lossy(&buffer[..length]);
        }
        heard.clear();
        Ok(())
    };
    hear_until("READY=1")?;
    for _ in 0..3 {
        hear_until("WATCHDOG=1")?;
    }
    ensure!(pool.stop_node().await, "the node did not stop cleanly");
    hear_until("STOPPING=1")
}

#[test]
fn a_new_configuration_is_valid_and_never_replaces_one() -> Result<()> {
    const ADDRESS: &str = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("raftpool.toml");
    let file = file.to_str().context("a path in UTF-8")?;
    let place = [
        "--cluster-address",
        "node-2.pool.example:5078",
        "--peer",
        "node-1.pool.example:5078",
    ];
    let words = [
        "config",
        "init",
        "member",
        "--id",
        "2",
        "--pool-address",
        ADDRESS,
        "--output",
        file,
    ];
    let words: Vec<_> = words.iter().chain(&place).copied().collect();
    let written = run(&words)?;
    ensure!(written.status.success(), "{written:?}");
    holds(
        &String::from_utf8(written.stdout)?,
        "raftpool cluster issue 2",
    )?;
    let before = std::fs::read(file)?;
    let again = run(&words)?;
    ensure!(
        !again.status.success() && std::fs::read(file)? == before,
        "{again:?}"
    );
    holds(&String::from_utf8(again.stderr)?, "never replaced")?;
    let checked = run(&["config", "check", file])?;
    holds(
        &String::from_utf8(checked.stdout)?,
        "is valid: node 2 of a mainnet pool",
    )?;

    let edge = ["config", "init", "edge", "--pool-address", ADDRESS];
    let incomplete = run(&edge)?;
    holds(&String::from_utf8(incomplete.stderr)?, "--cluster-address")?;
    let wallet = [&edge[..], &place, &["--wallet", "http://127.0.0.1:8081"]].concat();
    holds(
        &String::from_utf8(run(&wallet)?.stderr)?,
        "an edge never pays",
    )
}

#[test]
fn manual_pages_and_completions_are_those_of_every_command() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let target = directory.path().to_str().context("a path in UTF-8")?;
    ensure!(run(&["man", target])?.status.success());
    for page in ["raftpool.1", "raftpool-cluster-add.1", "raftpool-doctor.1"] {
        let text = std::fs::read_to_string(directory.path().join(page))?;
        holds(&text, ".TH raftpool")?;
    }
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell])?;
        holds(&String::from_utf8(output.stdout)?, "doctor")?;
    }
    Ok(())
}

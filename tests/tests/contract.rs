//! The API against its own document, tried by schemathesis: it makes requests up from the document
//! of a running node, good ones and bad ones, and compares each answer with what the document says.
//!
//! `ops/setup/test-tools.sh` installs it. The cases are drawn from a seed that is printed;
//! `RAFTPOOL_TEST_SEED` repeats a run, `RAFTPOOL_TEST_CASES` sets how many there are for each path.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use raftpool_chain::signature::SigningKey;
use raftpool_chain::{Address, Network};
use raftpool_tests::environment::number;
use raftpool_tests::miner::ScriptedMiner;
use raftpool_tests::processes::{MINERS, Pool, tail};
use raftpool_tests::story::{find_block, hashing_options, mine_until_quiet};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a run is drawn from unless something else is wanted: a red run is red for everybody.
const SEED: u64 = 20_260_601;
/// Cases that are made up for each path, beside those that walk along the bounds of its parameters.
const CASES: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answers_are_those_of_the_document() -> Result<()> {
    let pool = Pool::start(hashing_options()).await?;
    pool.control("produce_blocks", json!({"count": 2})).await?;
    let paid = find_block(&pool).await?;
    mine_until_quiet(&pool).await?;
    let maturing = find_block(&pool).await?;
    let owner = Owner::with_work(&pool).await?;
    let session = owner.session(&pool).await?;

    let mut document = pool.api("/api/v1/openapi.json").await?;
    let payouts = pool.api("/api/v1/payouts").await?;
    let payout = payouts["items"][0]["id"].as_u64().context("a payout")?;
    give_examples(&mut document, &|name| match name {
        "address" => vec![json!(owner.address), json!(MINERS[0])],
        "worker" => vec![json!("rig"), json!("finder")],
        "hash" => vec![json!(paid), json!(maturing)],
        "id" => vec![json!(payout)],
        // What this node has, so that it need not wait for more.
        "min_index" => vec![json!(1)],
        _ => Vec::new(),
    });
    let file = pool.directory().join("openapi.json");
    std::fs::write(&file, document.to_string())?;
    let settings = pool.directory().join("schemathesis.toml");
    std::fs::write(&settings, SETTINGS.replace("SESSION", &session))?;

    let address = pool.node.addresses().context("the node's addresses")?.api;
    let seed = number("RAFTPOOL_TEST_SEED", SEED)?;
    println!("RAFTPOOL_TEST_SEED={seed}");
    let run = tokio::process::Command::new(program()?)
        .arg("--config-file")
        .arg(&settings)
        .args(["--no-color", "run"])
        .arg(&file)
        .arg(format!("--url=http://{address}"))
        .arg(format!("--seed={seed}"))
        .arg(format!(
            "--max-examples={}",
            number("RAFTPOOL_TEST_CASES", CASES)?
        ))
        // What it remembers of a run must not change the next one.
        .current_dir(pool.directory())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("run schemathesis")?;
    let told = String::from_utf8_lossy(&run.stdout);
    ensure!(
        run.status.success(),
        "seed {seed}:\n{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    println!("{}", tail(&told, 12));
    // A node that fell over answers nothing, and one that stood still might answer the same for ever.
    find_block(&pool).await?;
    Ok(())
}

/// How it is run.
///
/// Streams of events do not end, and have tests of their own, as has the end of a session: it would
/// lock the rest of the run out. An index that has not come is answered with 503 after a second, so
/// nothing is asked of the future. And three paths may refuse with 400 what their schemas let pass: a
/// text nobody was given to sign, parameters of the journal that exclude each other, and 1.0 for 1.
const SETTINGS: &str = r#"
workers = 1
request-timeout = 10
continue-on-failure = true

[parameters]
"query.min_index" = 1

[auth.openapi.session]
bearer = "SESSION"

[[operations]]
include-path = "/api/v1/events"
enabled = false

[[operations]]
include-name = "DELETE /api/v1/miners/{address}/session"
enabled = false

[[operations]]
include-name = "POST /api/v1/miners/{address}/session"
[operations.checks.positive_data_acceptance]
expected-statuses = [201, 400, 401, 404]

[[operations]]
include-name = "POST /api/v1/miners/{address}/tokens"
[operations.checks.positive_data_acceptance]
expected-statuses = [201, 400, 401, 404, 409]

[[operations]]
include-name = "GET /api/v1/journal"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 400]
"#;

/// Somebody who mines, has the key of the address, and so may change what is his.
struct Owner {
    key: SigningKey,
    address: String,
}

impl Owner {
    async fn with_work(pool: &Pool) -> Result<Self> {
        let key = SigningKey::from_uniform_bytes(&[7; 64]);
        let address = Address::from_key(key.public_key(), Network::Devnet)?.to_string();
        let mut miner = ScriptedMiner::connect(pool.stratum(), &address, "rig", "x").await?;
        let nonce = miner.solve(miner.difficulty)?;
        miner.submit(nonce).await?;
        miner.read_answers().await?;
        ensure!(miner.accepted == 1, "refused: {:?}", miner.refused);
        Ok(Self { key, address })
    }

    async fn session(&self, pool: &Pool) -> Result<String> {
        let address = pool.node.addresses().context("the node's addresses")?.api;
        let base = format!("http://{address}/api/v1/miners/{}", self.address);
        let client = reqwest::Client::new();
        let challenge = client.post(format!("{base}/challenge")).send().await?;
        let challenge: Value = challenge.error_for_status()?.json().await?;
        let text = challenge["text"].as_str().context("a text")?;
        let signature = hex::encode(self.key.sign_text(text)?);
        let body = json!({"text": text, "signature": signature});
        let opened = client.post(format!("{base}/session")).json(&body).send();
        let opened: Value = opened.await?.error_for_status()?.json().await?;
        Ok(opened["session"].as_str().context("a session")?.to_owned())
    }
}

/// Adds to each parameter of a document what there really is, so that requests find something.
fn give_examples(document: &mut Value, of: &dyn Fn(&str) -> Vec<Value>) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
        for parameter in parameters {
            let values = of(parameter["name"].as_str().unwrap_or_default());
            if !values.is_empty() {
                let named = values.into_iter().enumerate();
                let named =
                    named.map(|(place, value)| (place.to_string(), json!({"value": value})));
                parameter["examples"] = Value::Object(named.collect());
            }
        }
    }
}

/// Where the set-up has put it: the list of pins is part of the name.
fn program() -> Result<PathBuf> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis-requirements.txt");
    let digest = hex::encode(Sha256::digest(std::fs::read(pins)?));
    let cache = match std::env::var_os("RAFTPOOL_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME")?).join(".cache/raftpool"),
    };
    let program = cache.join(format!("schemathesis-{}/bin/schemathesis", &digest[..16]));
    ensure!(
        program.is_file(),
        "{} is missing; `make test-tools` installs it",
        program.display()
    );
    Ok(program)
}

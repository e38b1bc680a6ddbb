use super::*;
use crate::testing::{Exchange, FakeEndpoint, POOL, Reply, exchange, recorded};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn replay(exchanges: Vec<Exchange>) -> (FakeEndpoint, WalletClient) {
    let endpoint = FakeEndpoint::replaying(exchanges).await;
    let client =
        WalletClient::new(&endpoint.url, "u", "p", Network::Devnet, TIMEOUT).expect("a plain URL");
    (endpoint, client)
}

fn any(method: &str) -> Exchange {
    exchange("wallet", method, "")
}

/// What happens before building, then this answer.
fn before(build: Exchange) -> Vec<Exchange> {
    vec![
        any("get_network"),
        any("get_address"),
        any("clear_tx_cache"),
        build,
    ]
}

fn transfers(recorded: &Exchange) -> Vec<Transfer> {
    let list = recorded.request["params"]["transfers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let transfer = |transfer: &Value| Transfer {
        destination: Address::parse(
            transfer["destination"].as_str().unwrap_or_default(),
            Network::Devnet,
        )
        .expect("a recorded address"),
        amount_atomic: transfer["amount"].as_u64().unwrap_or_default(),
    };
    list.iter().map(transfer).collect()
}

fn nonce(recorded: &Exchange) -> u64 {
    recorded.request["params"]["nonce"]
        .as_u64()
        .unwrap_or_default()
}

#[tokio::test]
async fn recorded_facts_are_read_with_authentication() -> anyhow::Result<()> {
    let script = vec![
        any("get_network"),
        any("get_address"),
        any("is_online"),
        any("get_topoheight"),
        any("get_balance"),
        any("clear_tx_cache"),
    ];
    let (endpoint, client) = replay(script).await;
    assert_eq!(client.address().await?, POOL);
    assert!(client.is_online().await?);
    assert_eq!(client.topoheight().await?, 44);
    assert_eq!(client.balance_atomic().await?, 1_930_235_666);
    client.clear_transaction_cache().await?;
    assert!(
        endpoint
            .authorizations()
            .iter()
            .all(|header| header.as_deref() == Some("Basic dTpw"))
    );
    assert_eq!(endpoint.requests()[0].get("params"), None);
    assert_eq!(
        endpoint.requests()[4]["params"],
        json!({"asset": "0".repeat(64)})
    );
    assert!(!format!("{client:?}").contains("\"p\""));
    Ok(())
}

#[tokio::test]
async fn the_recorded_history_says_which_nonce_paid_whom() -> anyhow::Result<()> {
    let (_endpoint, client) = replay(vec![any("list_transactions")]).await;
    let spends = client.spends().await?;
    let facts = |spend: &WalletSpend| {
        let (_, amount) = spend.transfers[0];
        (spend.nonce, spend.fee_atomic, amount)
    };
    assert_eq!(facts(&spends[0]), (1, 125_000, 1_000_000));
    assert_eq!(facts(&spends[1]), (0, 230_000, 100_000_000));
    assert_eq!(spends[0].topoheight, 46);
    Ok(())
}

fn entry(number: usize) -> Value {
    json!({"hash": format!("{number:064x}"), "topoheight": number, "timestamp": 0,
        "outgoing": {"transfers": [], "fee": 1, "nonce": number}})
}

/// A wallet with this many transactions, which may not know what a page is.
async fn history(count: usize, has_pages: bool) -> anyhow::Result<Vec<u64>> {
    let endpoint = FakeEndpoint::start(move |request| {
        let number = |name: &str| request["params"][name].as_u64().unwrap_or_default() as usize;
        let (skip, limit) = match has_pages {
            true => (number("skip"), number("limit")),
            false => (0, count),
        };
        let newest_first = (0..count).rev().skip(skip).take(limit);
        Reply::result(newest_first.map(entry).collect())
    })
    .await;
    let client = WalletClient::new(&endpoint.url, "u", "p", Network::Devnet, TIMEOUT)?;
    let spends = client.spends().await?;
    Ok(spends.iter().map(|spend| spend.nonce).collect())
}

#[tokio::test]
async fn a_history_of_many_pages_is_read_whole_and_one_without_pages_comes_to_an_end()
-> anyhow::Result<()> {
    for (count, has_pages) in [(0, true), (100, true), (250, true), (250, false)] {
        let wanted: Vec<u64> = (0..count as u64).rev().collect();
        assert_eq!(history(count, has_pages).await?, wanted, "{has_pages}");
    }
    Ok(())
}

#[tokio::test]
async fn recorded_fee_estimate_is_read() -> anyhow::Result<()> {
    let recorded = any("estimate_fees");
    let (endpoint, client) = replay(vec![recorded.clone()]).await;
    assert_eq!(
        client.estimate_fee_atomic(&transfers(&recorded)).await?,
        230_000
    );
    assert_eq!(endpoint.requests()[0]["params"], recorded.request["params"]);
    Ok(())
}

#[tokio::test]
async fn every_recorded_build_passes_the_checks() -> anyhow::Result<()> {
    let (mut built, mut largest) = (0, 0);
    for recorded in recorded() {
        let is_build = recorded.method() == "build_transaction"
            && recorded.response["result"]["tx_as_hex"].is_string();
        if !is_build {
            continue;
        }
        let asked = transfers(&recorded);
        let (endpoint, client) = replay(before(recorded.clone())).await;
        let transaction = client.build(&asked, nonce(&recorded)).await?;
        let result = &recorded.response["result"];
        assert_eq!(transaction.hash.to_string(), result["hash"]);
        assert_eq!(transaction.bytes.len(), result["size"]);
        assert_eq!(transaction.source, POOL);
        assert_eq!(transaction.fee_atomic, result["fee"]);
        assert_eq!(
            transaction.reference_topoheight,
            result["reference"]["topoheight"]
        );
        let expected: Vec<(String, u64)> = asked
            .iter()
            .map(|transfer| {
                (
                    transfer.destination.as_str().to_owned(),
                    transfer.amount_atomic,
                )
            })
            .collect();
        assert_eq!(transaction.transfers, expected);
        let sent = &endpoint.requests()[3]["params"];
        assert_eq!(
            (&sent["broadcast"], &sent["tx_as_hex"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(sent["nonce"], json!(nonce(&recorded)));
        assert_eq!(sent["transfers"], recorded.request["params"]["transfers"]);
        assert_eq!(sent["fee"], json!({"extra": "none"}));
        built += 1;
        largest = largest.max(asked.len());
    }
    assert!(built >= 10);
    assert_eq!(largest, 255);
    Ok(())
}

#[tokio::test]
async fn the_cache_is_cleared_before_every_build() -> anyhow::Result<()> {
    let recorded = exchange(
        "wallet",
        "build_transaction",
        "payout 1: build, no broadcast",
    );
    let (endpoint, client) = replay(before(recorded.clone())).await;
    client.build(&transfers(&recorded), 0).await?;
    let methods: Vec<String> = endpoint
        .requests()
        .iter()
        .map(|request| request["method"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        methods,
        [
            "get_network",
            "get_address",
            "clear_tx_cache",
            "build_transaction"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_build_that_differs_from_the_order_is_refused() {
    let good = exchange(
        "wallet",
        "build_transaction",
        "payout 1: build, no broadcast",
    );
    let asked = transfers(&good);
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut exchange = good.clone();
        change(&mut exchange.response["result"]);
        exchange
    };
    let other = "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca";
    let cases = [
        (
            broken(&|built| built["hash"] = json!("1".repeat(64))),
            "BuiltWrongHash",
        ),
        (
            broken(&|built| built["tx_as_hex"] = json!("00")),
            "BuiltWrongHash",
        ),
        (
            broken(&|built| built["tx_as_hex"] = json!("zz")),
            "UnexpectedAnswer",
        ),
        (
            broken(&|built| built["tx_as_hex"] = Value::Null),
            "UnexpectedAnswer",
        ),
        (
            broken(&|built| built["nonce"] = json!(1)),
            "BuiltWrongNonce",
        ),
        (
            broken(&|built| built["source"] = json!(other)),
            "BuiltWrongSource",
        ),
        (
            broken(&|built| built["data"]["transfers"] = json!([])),
            "BuiltWrongTransfers",
        ),
        (
            broken(&|built| built["data"]["transfers"][1]["destination"] = json!(other)),
            "BuiltWrongTransfers",
        ),
        (
            broken(&|built| built["data"]["transfers"][0]["asset"] = json!("1".repeat(64))),
            "BuiltWrongTransfers",
        ),
        (
            broken(&|built| built["data"] = json!({"burn": {}})),
            "UnexpectedAnswer",
        ),
    ];
    for (exchange, expected) in cases {
        let (_endpoint, client) = replay(before(exchange)).await;
        let error = client.build(&asked, 0).await.expect_err(expected);
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert!(error.to_string().contains("wallet 127.0.0.1:"), "{error}");
    }
}

#[tokio::test]
async fn recorded_refusals_to_build_say_why() {
    let mut seen = 0;
    for recorded in recorded() {
        if recorded.method() != "build_transaction" || !recorded.response["error"].is_object() {
            continue;
        }
        let (_endpoint, client) = replay(before(recorded.clone())).await;
        let error = client.build(&[], 2).await.expect_err("refused");
        assert!(!error.is_ambiguous());
        let kind = recorded.response["error"]["kind"]
            .as_str()
            .unwrap_or_default();
        assert!(error.to_string().contains(kind), "{error}");
        seen += 1;
    }
    assert!(seen >= 5);
}

#[tokio::test]
async fn missing_credentials_and_another_network_are_named() -> anyhow::Result<()> {
    let denied = exchange("wallet", "get_address", "no credentials");
    let endpoint = FakeEndpoint::start(move |_| Reply::Raw(denied.status, Vec::new())).await;
    let client = WalletClient::new(&endpoint.url, "u", "wrong", Network::Devnet, TIMEOUT)?;
    let error = client.address().await.expect_err("401");
    assert!(error.to_string().contains("401"), "{error}");
    assert!(!error.is_ambiguous());

    let (endpoint, _) = replay(before(any("get_balance"))).await;
    let client = WalletClient::new(&endpoint.url, "u", "p", Network::Testnet, TIMEOUT)?;
    let error = client.build(&[], 0).await.expect_err("another network");
    assert!(
        error
            .to_string()
            .ends_with("is on devnet, the pool is configured for testnet"),
        "{error}"
    );
    assert_eq!(endpoint.count("build_transaction"), 0);
    Ok(())
}

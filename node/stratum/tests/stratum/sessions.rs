//! Subscribing, authorizing, and everything that is not a share.

use raftpool_ledger::command::Scheme;

use crate::harness::*;

#[tokio::test]
async fn first_lines_come_in_the_order_every_miner_needs() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    client
        .send(r#"{"id":0,"method":"mining.subscribe","params":["a",["xel/v3"]]}"#)
        .await;
    let subscribed = client.raw_line().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&subscribed).unwrap();
    let [session, extra_nonce] = [0, 1].map(|i| answer["result"][i].as_str().unwrap().to_owned());
    let key = hex::encode(
        *raftpool_chain::Address::parse(POOL, raftpool_chain::Network::Devnet)
            .unwrap()
            .public_key(),
    );
    assert!(!session.is_empty());
    assert_eq!(extra_nonce.len(), 64);
    assert_eq!(
        subscribed,
        format!("{{\"id\":0,\"result\":[\"{session}\",\"{extra_nonce}\",32,\"{key}\"]}}")
    );

    client
        .send(&format!(
            r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","rig","x"]}}"#
        ))
        .await;
    assert_eq!(
        client.raw_line().await.unwrap(),
        r#"{"id":2,"result":true}"#
    );
    assert_eq!(
        client.raw_line().await.unwrap(),
        r#"{"id":null,"method":"mining.set_difficulty","params":[1]}"#
    );
    let template = template(100);
    let notify = client.raw_line().await.unwrap();
    let job = notify.split('"').nth(9).unwrap();
    assert!(
        job.len() == 16
            && job
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    assert_eq!(
        notify,
        format!(
            "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"{job}\",\"{:016x}\",\"{}\",\"xel/v3\",true]}}",
            template.header.timestamp_ms, template.work_hash
        )
    );
}

#[tokio::test]
async fn extra_nonces_differ_between_connections_and_starts() {
    let cluster = GatedCluster::new();
    let first = Pool::over(config(), cluster.clone(), 1).await;
    let second = Pool::over(config(), cluster, 2).await;
    let mut seen = std::collections::HashSet::new();
    for pool in [&first, &first, &second, &second] {
        assert!(seen.insert(pool.miner(MINER, "x").await.extra_nonce));
    }
}

#[tokio::test]
async fn users_are_read_in_every_spelling_and_seen_in_the_sessions() {
    let pool = Pool::start().await;
    let _plain = pool.miner(MINER, "x").await;
    let _worker = pool.miner(&format!("{MINER}.rig1"), "").await;
    let _both = pool.miner(&format!("{MINER}+2.rig2"), "x").await;
    let _password = pool.miner(&format!("{OTHER_MINER}/rig3"), "d=3").await;
    let sessions: Vec<_> = pool
        .server
        .sessions()
        .into_iter()
        .map(|session| {
            (
                session.address,
                session.worker,
                session.difficulty,
                session.agent,
            )
        })
        .collect();
    let expected = [
        (MINER, "default", 1),
        (MINER, "rig1", 1),
        (MINER, "rig2", 2),
        (OTHER_MINER, "rig3", 3),
    ];
    assert_eq!(
        sessions,
        expected.map(|(a, w, d)| (a.to_owned(), w.to_owned(), d, "test/1.0".to_owned()))
    );
    assert_eq!(pool.server.connections(), 4);
}

#[tokio::test]
async fn bad_addresses_get_an_error_that_says_what_is_wrong() {
    let pool = Pool::start().await;
    for (address, word) in [
        (
            "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz",
            "xet",
        ),
        (
            "xet:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz",
            "checksum",
        ),
        (
            "XET:SFVCZZKH9MA8PM6Y0R0KRXVRMYCVNFTEVXEPSHC2X747WJZHD48SQ66YH5R",
            "",
        ),
        (
            "xet:6eadzwf5xdacts6fs4y3csmnsmy4mcxewqt3xyygwfx0hm0tm32szqsrqyzkjar9d4esyqgpq4ehwmmjvsqqypgpq45x2mrvduqqzpthdaexceqpq4mk7unywvqsgqqpq4yx2mrvduqqzp2hdaexceqqqyzxvun0d5qqzp2cg4xyj5ct5udlg",
            "integrated",
        ),
        (&reencoded(&[0xff; 32], &[0]), "public key"),
        (&reencoded(&[0; 32], &[0]), "empty"),
        (&reencoded(&[1; 32], &[0, 0]), ""),
        ("", "address"),
        ("rig1", ""),
    ] {
        let mut client = pool.connect().await;
        client
            .send(&format!(
                r#"{{"id":2,"method":"mining.authorize","params":["{address}","w","x"]}}"#
            ))
            .await;
        let (code, message) = refusal(&client.line().await);
        assert_eq!(code, 24, "{address}: {message}");
        assert!(
            message.contains(word) && message.len() > 15,
            "{address}: {message}"
        );
    }
    assert!(pool.server.sessions().is_empty());
}

/// An address text with a valid checksum over any payload.
fn reencoded(key: &[u8; 32], tail: &[u8]) -> String {
    let payload = [key.as_slice(), tail].concat();
    let mut bits: Vec<u8> = Vec::new();
    let (mut value, mut count) = (0u32, 0);
    for byte in payload {
        value = (value << 8) | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            bits.push(((value >> count) & 31) as u8);
        }
    }
    if count > 0 {
        bits.push(((value << (5 - count)) & 31) as u8);
    }
    let prefix = "xet";
    let mut all: Vec<u8> = prefix.bytes().map(|b| b >> 5).collect();
    all.push(0);
    all.extend(prefix.bytes().map(|b| b & 31));
    all.extend(&bits);
    all.extend([0; 6]);
    let checksum = polymod(&all) ^ 1;
    bits.extend((0..6).map(|i| ((checksum >> (5 * (5 - i))) & 31) as u8));
    let charset = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let data: String = bits
        .iter()
        .map(|b| charset[usize::from(*b)] as char)
        .collect();
    format!("{prefix}:{data}")
}

/// Checksum of BIP-173.
fn polymod(values: &[u8]) -> u32 {
    let generators = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    values.iter().fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let next = ((sum & 0x1ff_ffff) << 5) ^ u32::from(*value);
        generators
            .iter()
            .enumerate()
            .filter(|(i, _)| (top >> i) & 1 == 1)
            .fold(next, |sum, (_, generator)| sum ^ generator)
    })
}

#[tokio::test]
async fn a_miner_that_cannot_authorize_is_closed_after_three_tries() {
    let pool = Pool::start().await;
    let mut client = pool.connect().await;
    for _ in 0..3 {
        client
            .send(r#"{"id":2,"method":"mining.authorize","params":["nobody"]}"#)
            .await;
    }
    assert!(client.last_words().await.unwrap().contains("\"code\":24"));
    until("it is gone", || pool.server.connections() == 0).await;
}

#[tokio::test]
async fn schemes_are_chosen_by_password_and_unknown_ones_are_refused() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "scheme=solo").await;
    let job = client.job.clone().unwrap();
    assert!(is_accepted(&client.submit(&job.id, 1).await));
    let proposals = pool.cluster.memory.proposals();
    let shares = proposals.iter().find_map(|command| match &command.body {
        Some(raftpool_ledger::command::command::Body::CreditShares(credit)) => Some(&credit.shares),
        _ => None,
    });
    assert_eq!(shares.unwrap()[0].scheme(), Scheme::Solo);

    let mut other = pool.connect().await;
    other
        .send(&format!(
            r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","scheme=pps"]}}"#
        ))
        .await;
    let (code, message) = refusal(&other.line().await);
    assert!(code == 24 && message.contains("pps"), "{message}");
}

#[tokio::test]
async fn a_share_the_books_refuse_says_why() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "scheme=solo").await;
    let job = client.job.clone().unwrap();
    pool.cluster
        .change_settings(|settings| settings.solo_offered = false);
    let (code, message) = refusal(&client.submit(&job.id, 1).await);
    assert!(code == 20 && message.contains("solo"), "{message}");
    pool.cluster
        .change_settings(|settings| settings.solo_offered = true);
    assert!(
        is_accepted(&client.submit(&job.id, 1).await),
        "never booked, so it may come again"
    );
}

#[tokio::test]
async fn a_second_authorize_may_only_repeat_the_address() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    client
        .send(&format!(
            r#"{{"id":3,"method":"mining.authorize","params":["{MINER}.other","x"]}}"#
        ))
        .await;
    assert_eq!(client.answer(3).await["result"], true);
    client
        .send(&format!(
            r#"{{"id":4,"method":"mining.authorize","params":["{OTHER_MINER}","x"]}}"#
        ))
        .await;
    assert_eq!(refusal(&client.answer(4).await).0, 24);
    assert_eq!(pool.server.sessions()[0].address, MINER);
}

#[tokio::test]
async fn a_second_authorize_with_other_terms_is_refused_and_changes_nothing() {
    let pool = Pool::start().await;
    pool.new_template(template_of(101, 1_000));
    let mut client = pool.miner(MINER, "scheme=solo,d=2").await;
    let cases = [
        ("x", None),
        ("d=2,scheme=solo", None),
        ("sd=7", None),
        ("scheme=pplns", Some("scheme")),
        ("d=3", Some("difficulty")),
        ("d=2,scheme=pplns", Some("scheme")),
        ("scheme=nonsense", Some("nonsense")),
    ];
    for (id, (password, word)) in (10..).zip(cases) {
        let request = format!(
            r#"{{"id":{id},"method":"mining.authorize","params":["{MINER}.other","{password}"]}}"#
        );
        client.send(&request).await;
        let answer = client.answer(id).await;
        let Some(word) = word else {
            assert_eq!(answer["result"], true, "{password}: {answer}");
            continue;
        };
        let (code, message) = refusal(&answer);
        assert!(
            code == 24 && message.contains(word),
            "{password}: {message}"
        );
    }
    let job = client.job.clone().unwrap();
    let nonce = client.find_nonce(&job, 2, true, 0);
    assert!(is_accepted(&client.submit(&job.id, nonce).await));
    assert_eq!(pool.ledger_miner(MINER).unwrap().work, 2);
}

#[tokio::test]
async fn what_is_refused_is_counted_by_a_few_reasons() {
    let pool = Pool::start().await;
    let _present = pool.miner(MINER, "x").await;
    let mut client = pool.connect().await;
    let authorize = |user: &str, password: &str| {
        format!(r#"{{"id":2,"method":"mining.authorize","params":["{user}","{password}"]}}"#)
    };
    for (line, reason) in [
        (authorize("nobody", "x"), "address"),
        (authorize(MINER, "scheme=nonsense"), "scheme"),
        ("hello".to_owned(), "malformed"),
        (
            r#"{"id":1,"method":"mining.subscribe","params":["old",["xel/v2"]]}"#.to_owned(),
            "algorithm",
        ),
        (authorize(MINER, "scheme=fpps"), "scheme"),
    ] {
        let before = pool.metric("refusals_total", Some(reason));
        client.send(&line).await;
        refusal(&client.line().await);
        if reason == "algorithm" {
            assert_eq!(client.line().await["method"], "mining.print");
        }
        let counted = pool.metric("refusals_total", Some(reason)) - before;
        assert_eq!(counted, 1.0, "{line}");
    }
    assert_eq!(pool.metric("refusals_total", None), 5.0);
}

#[tokio::test]
async fn other_messages_are_answered_harmlessly_and_never_end_a_connection() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    client.send(r#"{"id":5,"method":"mining.pong"}"#).await;
    client
        .send(r#"{"id":6,"method":"mining.hashrate","params":[1000]}"#)
        .await;
    client
        .send(r#"{"id":null,"method":"mining.hashrate","params":[1000]}"#)
        .await;
    client
        .send(r#"{"id":7,"method":"mining.extranonce.subscribe","params":[]}"#)
        .await;
    client.send("").await;
    client
        .send(r#"{"id":"s","method":"mining.nonsense","params":[]}"#)
        .await;
    client.send(r#"{"id":1,"result":"pong"}"#).await;
    client.send("{\"id\":8,\"method\":\"mining.ping\"}\r").await;
    let lines = [
        client.line().await,
        client.line().await,
        client.line().await,
        client.line().await,
    ];
    assert_eq!(lines[0], serde_json::json!({"id":6,"result":true}));
    assert_eq!(lines[1], serde_json::json!({"id":7,"result":true}));
    assert_eq!(
        (lines[2]["id"].as_str(), refusal(&lines[2]).0),
        (Some("s"), 20)
    );
    assert_eq!(lines[3], serde_json::json!({"id":8,"method":"mining.pong"}));
}

#[tokio::test]
async fn silent_miners_are_pinged_with_id_one() {
    let pool = Pool::with(raftpool_stratum::StratumConfig {
        ping_interval_ms: 20,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    assert_eq!(
        client.raw_line().await.unwrap(),
        r#"{"id":1,"method":"mining.ping"}"#
    );
    assert_eq!(
        client.raw_line().await.unwrap(),
        r#"{"id":1,"method":"mining.ping"}"#
    );
}

#[tokio::test]
async fn new_templates_become_jobs_and_old_ones_are_refreshed() {
    let pool = Pool::with(raftpool_stratum::StratumConfig {
        job_refresh_ms: 50,
        ..config()
    })
    .await;
    let mut client = pool.miner(MINER, "x").await;
    let first = client.job.clone().unwrap();
    let refreshed = client.next_job().await;
    assert_eq!(refreshed.work_hash, first.work_hash);
    assert!(refreshed.timestamp_ms > first.timestamp_ms && refreshed.id != first.id);
    pool.new_template(template(101));
    loop {
        let job = client.next_job().await;
        if job.work_hash == template(101).work_hash.0 {
            break;
        }
    }
}

#[tokio::test]
async fn a_miner_that_comes_before_the_first_template_waits_for_it() {
    let pool = Pool::without_template(config(), GatedCluster::new(), 1).await;
    let mut client = pool.connect().await;
    client.login(MINER, "x").await;
    pool.new_template(template(100));
    assert_eq!(client.next_job().await.work_hash, template(100).work_hash.0);
    assert_eq!(client.difficulty, 1);
}

#[tokio::test]
async fn a_miner_without_the_present_algorithm_is_told() {
    let pool = Pool::start().await;
    let _other = pool.miner(MINER, "x").await;
    let mut client = pool.connect().await;
    client
        .send(r#"{"id":1,"method":"mining.subscribe","params":["old",["xel/v2"]]}"#)
        .await;
    let (code, message) = refusal(&client.line().await);
    assert!(code == 20 && message.contains("xel/v3"), "{message}");
    assert_eq!(client.line().await["method"], "mining.print");
}

#[tokio::test]
async fn a_pool_without_settings_says_so() {
    let cluster = GatedCluster::unset();
    let pool = Pool::over(config(), cluster, 1).await;
    let mut client = pool.connect().await;
    client
        .send(&format!(
            r#"{{"id":2,"method":"mining.authorize","params":["{MINER}","x"]}}"#
        ))
        .await;
    let (code, message) = refusal(&client.line().await);
    assert!(code == 20 && message.contains("not set up"), "{message}");
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way() {
    let pool = Pool::start().await;
    let mut client = pool.miner(MINER, "x").await;
    let job = client.job.clone().unwrap();
    pool.cluster.close();
    let before = pool.cluster.arrived();
    let id = client.send_share(&job.id, 1).await;
    until("the share is proposed", || pool.cluster.arrived() > before).await;
    let Pool {
        server, cluster, ..
    } = pool;
    let stopping = tokio::spawn(server.shutdown());
    cluster.open();
    assert!(is_accepted(&client.answer(id).await));
    let words = client.last_words().await.unwrap();
    assert!(words.contains("this node is stopping"), "{words}");
    stopping.await.unwrap();
}

use super::*;

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn difficulty(value: u64) -> Difficulty {
    Difficulty::from_u64(value).unwrap()
}

#[test]
fn requests_are_compact_lines() {
    assert_eq!(
        subscribe("raftpool/1"),
        "{\"id\":1,\"method\":\"mining.subscribe\",\
         \"params\":[\"raftpool/1\",[\"xel/v3\",\"xel/v2\",\"xel/v1\"]]}\n"
    );
    assert_eq!(
        authorize("xel:abc", "rig", "x"),
        "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"xel:abc\",\"rig\",\"x\"]}\n"
    );
    assert_eq!(
        submit(10, "rig", "7f", 0x1122),
        "{\"id\":10,\"method\":\"mining.submit\",\"params\":[\"rig\",\"7f\",\"0000000000001122\"]}\n"
    );
    assert_eq!(pong(&json!(5)), "{\"id\":5,\"method\":\"mining.pong\"}\n");
}

#[test]
fn jobs_are_read_in_every_spelling() {
    for (id, timestamp, algorithm) in [
        ("\"7f\"", "0000019726d97f49", "xel/v3"),
        ("\"7f\"", "19726d97f49", "xel/2"),
        ("12", "0000019726D97F49", "XEL/V3"),
    ] {
        let line = format!(
            r#"{{"id":null,"method":"mining.notify","params":[{id},"{timestamp}","{HASH}","{algorithm}",true]}}"#
        );
        let Ok(Message::Notify(job)) = parse(&line) else {
            panic!("{line}")
        };
        assert_eq!(job.job_id, id.trim_matches('"'));
        assert_eq!(job.timestamp_ms, 0x0197_26d9_7f49);
        assert_eq!(job.algorithm, Algorithm::V3);
        assert_eq!(hex::encode(job.work_hash), HASH);
    }
}

#[test]
fn broken_jobs_are_refused_with_their_name() {
    for params in [
        format!(r#"["7f","","{HASH}","xel/v3"]"#),
        format!(r#"["7f","00000019726d97f49","{HASH}","xel/v3"]"#),
        r#"["7f","19726d97f49","0011","xel/v3"]"#.to_owned(),
        format!(r#"["7f","19726d97f49","{HASH}"]"#),
        format!(r#"["7f","19726d97f49","{HASH}","rx/0"]"#),
    ] {
        let error = parse(&format!(
            r#"{{"method":"mining.notify","params":{params}}}"#
        ));
        assert!(
            error.as_ref().unwrap_err().starts_with("job 7f "),
            "{params}: {error:?}"
        );
    }
    for line in [
        r#"{"method":"mining.notify"}"#,
        r#"{"method":"mining.notify","params":{}}"#,
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn difficulties_are_whole_and_above_zero() {
    for (text, expected) in [
        ("50000", 50_000),
        ("1.0", 1),
        ("2e6", 2_000_000),
        ("\"7\"", 7),
        ("1", 1),
    ] {
        let line = format!(r#"{{"method":"mining.set_difficulty","params":[{text}]}}"#);
        assert_eq!(
            parse(&line),
            Ok(Message::SetDifficulty(difficulty(expected))),
            "{text}"
        );
    }
    for text in ["0", "-5", "0.5", "1.5", "null", "\"x\"", "[]", "1e400"] {
        let line = format!(r#"{{"method":"mining.set_difficulty","params":[{text}]}}"#);
        assert!(parse(&line).is_err(), "{text}");
    }
}

#[test]
fn answers_carry_the_pools_words() {
    for (line, id, result) in [
        (r#"{"id":4,"result":true}"#, 4, Ok(json!(true))),
        (
            r#"{"id":"4","result":true,"error":null}"#,
            4,
            Ok(json!(true)),
        ),
        (r#"{"id":4,"result":null}"#, 4, Ok(Value::Null)),
        (
            r#"{"id":4,"result":null,"error":{"code":23,"message":"Low difficulty share"}}"#,
            4,
            Err("Low difficulty share".to_owned()),
        ),
        (
            r#"{"id":4,"error":[21,"Stale",null]}"#,
            4,
            Err("Stale".to_owned()),
        ),
        (r#"{"id":4,"error":"no"}"#, 4, Err("no".to_owned())),
    ] {
        assert_eq!(parse(line), Ok(Message::Answer { id, result }), "{line}");
    }
}

#[test]
fn everything_else_is_named_not_fatal() {
    assert_eq!(
        parse(r#"{"id":1,"method":"mining.dance","params":[]}"#),
        Ok(Message::Unknown {
            method: "mining.dance".to_owned()
        })
    );
    assert_eq!(
        parse(r#"{"method":"mining.print","params":[2,"no \u001b[31mred"]}"#),
        Ok(Message::Print {
            severity: Severity::Error,
            text: "no [31mred".to_owned()
        })
    );
    for line in [
        "",
        "x",
        "[]",
        "{}",
        "null",
        "\u{0}",
        "{\"id\":[]}",
        "ping~{}",
    ] {
        assert!(parse(line).is_err(), "`{line}`");
    }
    let long = parse(&"y".repeat(100_000)).unwrap_err();
    assert!(long.len() < 300);
}

#[test]
fn subscriptions_need_extra_nonce_and_key() {
    let identity = parse_subscription(&json!(["", HASH, 32, HASH])).unwrap();
    assert_eq!(hex::encode(identity.extra_nonce), HASH);
    for result in [
        json!(["", HASH, 32]),
        json!(["", "00", 32, HASH]),
        json!(["", HASH, 32, "00"]),
        json!(true),
        json!(null),
    ] {
        assert_eq!(parse_subscription(&result), None, "{result}");
    }
    let line = format!(r#"{{"method":"mining.set_extranonce","params":["{HASH}",32]}}"#);
    let Ok(Message::SetExtraNonce(change)) = parse(&line) else {
        panic!("{line}")
    };
    assert_eq!(change.pool_key, None);
}

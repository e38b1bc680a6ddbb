use super::*;

fn call(line: &str) -> Call {
    parse(line).unwrap().call
}

fn text(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn ids_are_repeated_as_they_were_written() {
    for id in [
        "0",
        "1",
        "-3",
        "18446744073709551615",
        "340282366920938463463374607431768211456",
    ]
    .into_iter()
    .chain(["1.50", "null", "\"a\\u0041\"", "\"\""])
    {
        let request = parse(&format!(r#"{{"id": {id} ,"method":"mining.ping"}}"#)).unwrap();
        let answer = text(|out| write_result(out, &request.id, &true, false));
        assert_eq!(answer, format!("{{\"id\":{id},\"result\":true}}\n"));
    }
    assert!(parse(r#"{"method":"mining.ping"}"#).unwrap().id.is_null());
    for id in ["[1]", "{}", "true"] {
        assert!(
            parse(&format!(r#"{{"id":{id},"method":"mining.ping"}}"#)).is_err(),
            "{id}"
        );
    }
    let long = format!(r#"{{"id":"{}","method":"mining.ping"}}"#, "i".repeat(1000));
    assert!(parse(&long).is_err());
}

#[test]
fn what_is_no_request_is_refused() {
    let deep = format!(
        r#"{{"id":1,"method":"x","params":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for line in [
        "",
        "{",
        "[]",
        "1",
        "GET / HTTP/1.1",
        "{\"id\":1,}",
        r#"{"id":1,"method":7}"#,
        &deep,
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn subscribe_in_every_spelling() {
    let subscribe = |line: &str| match call(line) {
        Call::Subscribe { agent, algorithms } => (agent, algorithms),
        other => panic!("{other:?}"),
    };
    let v3 = Some(vec!["xel/v3".to_owned()]);
    assert_eq!(
        subscribe(r#"{"id":1,"method":"mining.subscribe","params":["Agent/1.0",["xel/v3"]]}"#),
        ("Agent/1.0".into(), v3.clone())
    );
    assert_eq!(
        subscribe(
            r#"{"jsonrpc":"2.0","id":1,"method":"mining.subscribe","params":["A",null,["xel/v3"]]}"#
        ),
        ("A".into(), v3)
    );
    assert_eq!(
        subscribe(r#"{"id":1,"method":"mining.subscribe","params":[]}"#),
        (String::new(), None)
    );
    assert_eq!(
        subscribe(r#"{"id":1,"method":"mining.subscribe"}"#),
        (String::new(), None)
    );
    assert_eq!(
        subscribe(r#"{"id":1,"method":"mining.subscribe","params":["a\nb"]}"#).0,
        "ab"
    );
}

#[test]
fn authorize_with_one_two_or_three_parameters() {
    let authorize = |params: &str| match call(&format!(
        r#"{{"id":2,"method":"mining.authorize","params":{params}}}"#
    )) {
        Call::Authorize {
            user,
            worker,
            password,
        } => (user, worker, password),
        other => panic!("{other:?}"),
    };
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(authorize(r#"["a"]"#), ("a".into(), None, None));
    assert_eq!(authorize(r#"["a","x"]"#), ("a".into(), None, some("x")));
    assert_eq!(
        authorize(r#"["a","w","x"]"#),
        ("a".into(), some("w"), some("x"))
    );
    assert_eq!(
        authorize(r#"["a","w","x",1,2]"#),
        ("a".into(), some("w"), some("x"))
    );
    assert_eq!(authorize(r#"[]"#), (String::new(), None, None));
}

#[test]
fn submit_reads_every_nonce_spelling_and_refuses_the_rest() {
    let submit = |params: &str| match call(&format!(
        r#"{{"id":4,"method":"mining.submit","params":{params}}}"#
    )) {
        Call::Submit(result) => result,
        other => panic!("{other:?}"),
    };
    let share = Ok(Submission {
        job: 0x1f,
        nonce: 0x0a,
    });
    for params in [
        r#"["w","1f","000000000000000a"]"#,
        r#"["w","000000000000001F","a"]"#,
        r#"["w","1f","0x0A"]"#,
        r#"["w","1f","0a","extra",1]"#,
    ] {
        assert_eq!(submit(params), share, "{params}");
    }
    assert_eq!(
        submit(r#"["w",12,"1"]"#),
        Ok(Submission {
            job: 0x12,
            nonce: 1
        })
    );
    for params in [
        r#"[]"#,
        r#"["w","1f"]"#,
        r#"["w","1f",""]"#,
        r#"["w","1f","00000000000000000"]"#,
        r#"["w","1f","+1"]"#,
        r#"["w","1f",5]"#,
        r#"["w","job","1"]"#,
        r#"["w",null,"1"]"#,
        r#"["w","1f","ÿ"]"#,
    ] {
        assert!(submit(params).is_err(), "{params}");
    }
}

#[test]
fn other_methods() {
    assert_eq!(call(r#"{"id":5,"method":"mining.pong"}"#), Call::Ignored);
    assert_eq!(call(r#"{"id":5,"result":"pong"}"#), Call::Ignored);
    assert_eq!(
        call(r#"{"id":5,"method":"mining.hashrate","params":[1000]}"#),
        Call::Harmless
    );
    assert_eq!(
        call(r#"{"id":5,"method":"mining.nonsense"}"#),
        Call::Unknown("mining.nonsense".into())
    );
}

#[test]
fn lines_are_compact_with_fixed_key_order() {
    let id = parse(r#"{"id":4,"method":"mining.ping"}"#).unwrap().id;
    assert_eq!(
        text(|out| write_refusal(
            out,
            &id,
            &Refusal::of_share(RejectReason::LowDifficulty, "a \"b\"")
        )),
        "{\"id\":4,\"result\":null,\"error\":{\"code\":23,\"message\":\"a \\\"b\\\"\",\"data\":null}}\n"
    );
    assert_eq!(
        text(|out| write_result(out, &id, &true, true)),
        "{\"id\":4,\"result\":true,\"error\":null}\n"
    );
    assert_eq!(
        text(|out| write_set_difficulty(out, 50_000)),
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[50000]}\n"
    );
    assert_eq!(
        text(|out| write_notify(out, 0xabc, 0x19726d97f49, &[0x11; 32], "xel/v3")),
        format!(
            "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"0000000000000abc\",\"0000019726d97f49\",\"{}\",\"xel/v3\",true]}}\n",
            "11".repeat(32)
        )
    );
    assert_eq!(text(write_ping), "{\"id\":1,\"method\":\"mining.ping\"}\n");
    assert_eq!(
        text(|out| write_print(out, "x")),
        "{\"id\":null,\"method\":\"mining.print\",\"params\":[2,\"x\"]}\n"
    );
}

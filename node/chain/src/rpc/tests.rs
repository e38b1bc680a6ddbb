use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::testing::{Exchange, FakeEndpoint, Reply, recorded, refused_url, soon};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(10);

fn client(url: &str, timeout: Duration) -> RpcClient {
    RpcClient::new("daemon", url, None, timeout).expect("a plain URL")
}

async fn error_of(url: &str, timeout: Duration) -> ChainError {
    let client = client(url, timeout);
    let call = client.call::<Value>("get_info", None);
    soon("a failing call", call)
        .await
        .expect_err("the call fails")
}

async fn error_for(reply: Reply) -> ChainError {
    let endpoint = FakeEndpoint::start(move |_| reply.clone()).await;
    let error = error_of(&endpoint.url, LONG).await;
    assert_eq!(
        endpoint.requests().len(),
        1,
        "nothing is repeated behind the caller's back"
    );
    error
}

#[tokio::test]
async fn methods_without_parameters_are_called_without_params() -> anyhow::Result<()> {
    let endpoint =
        FakeEndpoint::start(|_| Reply::result(json!(18_446_744_073_709_551_615_u64))).await;
    let client = client(&endpoint.url, LONG);
    let nonce: u64 = client.call("get_height", None).await?;
    assert_eq!(nonce, u64::MAX);
    client
        .call::<Value>("get_nonce", Some(json!({"address": "a"})))
        .await?;
    assert_eq!(
        endpoint.requests(),
        [
            json!({"jsonrpc": "2.0", "id": 1, "method": "get_height"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "get_nonce", "params": {"address": "a"}}),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_clear() {
    let url = refused_url().await;
    let error = error_of(&url, LONG).await;
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
    assert!(!error.is_ambiguous());
    let authority = url.trim_start_matches("http://");
    assert_eq!(
        error.to_string(),
        format!("daemon {authority} cannot be reached for get_info")
    );
}

#[tokio::test]
async fn a_time_out_after_the_request_was_read_is_ambiguous() {
    let endpoint = FakeEndpoint::start(|_| Reply::Never).await;
    let error = error_of(&endpoint.url, SHORT).await;
    assert!(
        matches!(
            error,
            ChainError::TimedOut {
                timeout_ms: 100,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.is_ambiguous());
    assert_eq!(endpoint.requests().len(), 1, "it was read");
}

#[tokio::test]
async fn a_connection_that_breaks_or_babbles_is_ambiguous() -> anyhow::Result<()> {
    let answers: [&[u8]; 4] = [
        b"",
        b"\x00\xff not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"jsonrpc\"",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await?;
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await?;
            socket.write_all(answer).await
        });
        let error = error_of(&url, LONG).await;
        assert!(
            matches!(error, ChainError::ConnectionLost { .. }),
            "{error:?}"
        );
        assert!(error.is_ambiguous());
        server.await??;
    }
    Ok(())
}

#[tokio::test]
async fn an_oversize_answer_is_cut_off() {
    let mut body = br#"{"jsonrpc":"2.0","id":1,"result":""#.to_vec();
    body.resize(ANSWER_SIZE_MAX + 1, b'a');
    let error = error_for(Reply::Raw(200, body)).await;
    assert!(
        matches!(error, ChainError::AnswerTooLarge { .. }),
        "{error:?}"
    );
    assert!(error.is_ambiguous());
}

#[tokio::test]
async fn garbage_is_named_and_shortened() {
    let long = format!("<html>\u{7}{}", "x".repeat(10_000));
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "true",
        r#"{"id":1,"jsonrpc":"2.0"}"#,
        &long,
    ] {
        let error = error_for(Reply::Raw(200, body.as_bytes().to_vec())).await;
        assert!(
            matches!(error, ChainError::UnexpectedAnswer { .. }),
            "{error:?}"
        );
        assert!(error.is_ambiguous());
        let text = error.to_string();
        assert!(
            text.chars().count() < 600 && !text.contains('\u{7}'),
            "{text}"
        );
        assert!(text.contains("get_info"), "{text}");
    }
}

#[tokio::test]
async fn the_answer_to_another_request_is_not_taken() {
    let body = br#"{"jsonrpc":"2.0","id":77,"result":5}"#.to_vec();
    let error = error_for(Reply::Raw(200, body)).await;
    assert!(error.to_string().contains("request 77"), "{error}");
}

#[tokio::test]
async fn other_http_statuses_are_errors() {
    let refused = error_for(Reply::Raw(401, Vec::new())).await;
    assert!(
        matches!(refused, ChainError::HttpStatus { status: 401, .. }),
        "{refused:?}"
    );
    assert!(!refused.is_ambiguous());
    assert!(
        error_for(Reply::Raw(502, b"bad gateway".to_vec()))
            .await
            .is_ambiguous()
    );
    let redirect = error_for(Reply::Raw(307, Vec::new())).await;
    assert!(
        matches!(redirect, ChainError::HttpStatus { status: 307, .. }),
        "{redirect:?}"
    );
}

#[tokio::test]
async fn recorded_error_objects_keep_code_kind_and_text() {
    let errors: Vec<Exchange> = recorded()
        .into_iter()
        .filter(|exchange| exchange.response["error"].is_object())
        .collect();
    assert!(errors.len() > 20);
    for exchange in errors {
        let body = exchange.response.to_string().into_bytes();
        let endpoint = FakeEndpoint::start(move |_| Reply::Raw(200, body.clone())).await;
        let error = error_of(&endpoint.url, LONG).await;
        let ChainError::Rpc {
            code,
            kind,
            message,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(exchange.response["error"]["code"], code);
        assert_eq!(exchange.response["error"]["kind"], kind);
        let recorded = exchange.response["error"]["message"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(excerpt(recorded), message);
    }
}

#[tokio::test]
async fn an_error_without_kind_is_unspecified_and_an_internal_one_is_open() {
    let reply = json!({"jsonrpc": "2.0", "error": {"code": -32603, "message": "broken pipe"}});
    let error = error_for(Reply::Rpc(reply)).await;
    assert!(
        matches!(&error, ChainError::Rpc { kind, .. } if kind == UNSPECIFIED),
        "{error:?}"
    );
    assert!(error.is_ambiguous());
    assert!(
        !error_for(Reply::error(-32004, "INVALID_NONCE", "no"))
            .await
            .is_ambiguous()
    );
}

#[tokio::test]
async fn credentials_are_sent_but_never_shown() -> anyhow::Result<()> {
    let endpoint = FakeEndpoint::start(|_| Reply::Raw(401, b"no".to_vec())).await;
    let credentials = Credentials {
        username: "pool".into(),
        password: "s3cret".into(),
    };
    let client = RpcClient::new("wallet", &endpoint.url, Some(credentials), LONG)?;
    let error = client
        .call::<Value>("get_address", None)
        .await
        .expect_err("401");
    let shown = format!("{client:?} {error:?} {error}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("cG9vbDpzM2NyZXQ"),
        "{shown}"
    );
    assert_eq!(
        endpoint.authorizations(),
        [Some("Basic cG9vbDpzM2NyZXQ=".to_owned())]
    );
    Ok(())
}

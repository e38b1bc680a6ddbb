//! URLs of daemons and wallets.

use reqwest::Url;

use crate::error::ChainError;

/// Path of JSON-RPC on daemon and wallet, over HTTP and WebSocket alike.
const RPC_PATH: &str = "json_rpc";

/// The WebSocket URL for events of the daemon with this `http://` or `ws://` URL.
///
/// # Errors
///
/// The same as for a client: only plain connections, no credentials in the URL.
pub fn websocket_url(url: &str) -> Result<String, ChainError> {
    let mut parsed = rpc_url(url, &["ws", "http"], &["wss", "https"])?;
    // Both are schemes with the same kind of authority, so this cannot be refused.
    let _ = parsed.set_scheme("ws");
    Ok(parsed.into())
}

pub(crate) fn http_url(url: &str) -> Result<Url, ChainError> {
    rpc_url(url, &["http"], &["https"])
}

/// Host and port.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn rpc_url(url: &str, plain: &[&str], encrypted: &[&str]) -> Result<Url, ChainError> {
    let invalid = |problem: String| ChainError::InvalidUrl {
        url: without_credentials(url),
        problem,
    };
    let mut parsed =
        Url::parse(url).map_err(|error| invalid(format!("{error}; expected http://host:port")))?;
    if encrypted.contains(&parsed.scheme()) {
        return Err(ChainError::TlsNotSupported {
            url: without_credentials(url),
        });
    }
    if !plain.contains(&parsed.scheme()) {
        return Err(invalid(format!(
            "expected {}://host:port",
            plain.join(":// or ")
        )));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(invalid(
            "user name and password do not belong into the URL".to_owned(),
        ));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(invalid("it has no host".to_owned()));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(invalid("it must end with the path".to_owned()));
    }
    let path = parsed.path().trim_end_matches('/').to_owned();
    if !path.ends_with(RPC_PATH) {
        parsed.set_path(&format!("{path}/{RPC_PATH}"));
    }
    Ok(parsed)
}

fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        None => url.to_owned(),
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://***@{host}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_urls_get_the_rpc_path() -> anyhow::Result<()> {
        for (given, full, authority_text) in [
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080/json_rpc",
                "127.0.0.1:8080",
            ),
            (
                "http://node.example/",
                "http://node.example/json_rpc",
                "node.example:80",
            ),
            (
                "http://[::1]:1/json_rpc",
                "http://[::1]:1/json_rpc",
                "[::1]:1",
            ),
            (
                "http://node:2/xelis/",
                "http://node:2/xelis/json_rpc",
                "node:2",
            ),
        ] {
            let url = http_url(given)?;
            assert_eq!(url.as_str(), full);
            assert_eq!(authority(&url), authority_text);
            assert_eq!(websocket_url(given)?, full.replacen("http", "ws", 1));
        }
        assert_eq!(
            websocket_url("ws://node:2/json_rpc")?,
            "ws://node:2/json_rpc"
        );
        Ok(())
    }

    #[test]
    fn tls_is_refused_with_a_way_out() {
        for error in [
            http_url("https://node:8080").expect_err("no TLS"),
            websocket_url("wss://node:8080/json_rpc")
                .map(drop)
                .expect_err("no TLS"),
        ] {
            assert!(matches!(error, ChainError::TlsNotSupported { .. }));
            assert!(error.to_string().contains("does not support"), "{error}");
        }
    }

    #[test]
    fn unusable_urls_are_refused_without_repeating_passwords() {
        for url in [
            "",
            "127.0.0.1:8080",
            "localhost:8080",
            "ftp://node",
            "http://",
            "http://node/?a=1",
            "http://pool:secret@node:8080",
            "http//pool:secret@node:8080",
            "https://pool:secret@node:8080",
            "pool:secret@node:8080",
        ] {
            let error = http_url(url).expect_err(url);
            assert!(
                !format!("{error} {error:?}").contains("secret"),
                "{error:?}"
            );
        }
    }
}

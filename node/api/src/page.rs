//! The page at `/`: the pool's numbers for people, in one file that loads nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::app::App;

const HTML: &str = include_str!("page.html");

/// The page with its policy: only its own script and style may run.
pub(crate) struct Page {
    policy: HeaderValue,
}

impl Page {
    /// Computes the policy from the page itself, so that the two never differ.
    pub(crate) fn new() -> Arc<Self> {
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            source_hash(element("script")),
            source_hash(element("style")),
        );
        let policy = HeaderValue::try_from(policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Arc::new(Self { policy })
    }
}

/// `GET /`
pub(crate) async fn show(State(app): State<App>) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, app.page.policy.clone()),
    ];
    (headers, HTML).into_response()
}

/// Text between the tags of the page's only element of this name.
fn element(name: &str) -> &'static str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = HTML
        .split_once(open.as_str())
        .map_or("", |(_, after)| after);
    after
        .split_once(close.as_str())
        .map_or("", |(text, _)| text)
}

fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_script_and_one_style_and_loads_nothing() {
        for name in ["script", "style"] {
            assert!(!element(name).trim().is_empty(), "{name} is empty");
            assert_eq!(HTML.matches(&format!("<{name}")).count(), 1, "{name}");
        }
        for attribute in [
            "src=",
            "http://",
            "https://",
            "style=",
            "onclick",
            "innerHTML",
        ] {
            assert!(!HTML.contains(attribute), "{attribute} in the page");
        }
    }
}

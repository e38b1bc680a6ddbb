//! The dashboard: files that were built beside the program and handed in, and the page for every
//! path that no file and no resource has.
//!
//! A program that was built without them shows one small page instead, which says so.

use std::collections::HashMap;
use std::io::Write;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::reading::entity_tag;
use crate::routes;

const UNBUILT: &str = include_str!("site/unbuilt.html");

/// Paths below it have names that change with their content.
const HASHED: &str = "/assets/";

/// Beginnings of paths that are never a page.
const NO_PAGES: [&str; 7] = [
    "/admin/", "/api/", "/assets/", "/getwork", "/livez", "/metrics", "/readyz",
];

/// Smaller files are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 1_024;

/// A file of the dashboard.
#[derive(Debug, Clone, Copy)]
pub struct SiteFile {
    /// Its path, such as `assets/index-D3x.js`.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// Every file, ready to be sent.
pub(crate) struct Site {
    files: HashMap<String, Asset>,
    page: Asset,
    /// What the page may run, as far as it is the same for all nodes.
    policy: String,
}

struct Asset {
    bytes: Bytes,
    gzipped: Option<Bytes>,
    kind: HeaderValue,
    tag: HeaderValue,
}

impl Site {
    /// Compresses the files once, and computes the page's policy from the page itself.
    pub(crate) fn new(files: Vec<SiteFile>) -> Self {
        let page = files.iter().find(|file| file.path == "index.html");
        let html = page.map_or(UNBUILT.as_bytes(), |page| page.bytes);
        let text = String::from_utf8_lossy(html).into_owned();
        let own = if page.is_some() { "'self' " } else { "" };
        let policy = format!(
            "default-src 'none'; script-src {own}{}; style-src {own}{}; img-src 'self' data:; \
             font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; connect-src 'self'",
            hashes_of(&text, "script"),
            hashes_of(&text, "style"),
        );
        let asset =
            |file: &SiteFile| (format!("/{}", file.path), Asset::new(file.path, file.bytes));
        Self {
            files: files.iter().map(asset).collect(),
            page: Asset::new("index.html", html),
            policy,
        }
    }

    /// Changes with the page.
    pub(crate) fn version(&self) -> String {
        let tag = self.page.tag.to_str().unwrap_or_default();
        tag.chars()
            .filter(char::is_ascii_hexdigit)
            .take(12)
            .collect()
    }
}

/// Every path that nothing else is served at: a file, the page, or a refusal.
pub(crate) async fn show(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    let is_read = method == Method::GET || method == Method::HEAD;
    if !is_read {
        return routes::unknown_path(uri).await.into_response();
    }
    if let Some(file) = app.site.files.get(path).filter(|_| path != "/index.html") {
        let lifetime = match path.starts_with(HASHED) {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        return file.answer(&headers, HeaderValue::from_static(lifetime));
    }
    let is_page = !NO_PAGES.iter().any(|start| path.starts_with(start)) && !is_file(path);
    if !is_page {
        return routes::unknown_path(uri).await.into_response();
    }
    let mut page = app
        .site
        .page
        .answer(&headers, HeaderValue::from_static("no-cache"));
    let mut policy = app.site.policy.clone();
    for url in app.hub.api_urls() {
        policy.push(' ');
        policy.push_str(&url);
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        let headers = page.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    page
}

/// Whether the last part of a path has a name like a file's; no page has.
fn is_file(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.contains('.') && path != "/index.html"
}

impl Asset {
    fn new(path: &str, bytes: &[u8]) -> Self {
        let kind = kind_of(path);
        let is_text = !kind.starts_with("image/") || kind.starts_with("image/svg");
        let gzipped = (is_text && bytes.len() >= COMPRESSED_BYTES_MIN).then(|| gzip(bytes));
        Self {
            bytes: Bytes::copy_from_slice(bytes),
            gzipped: gzipped.flatten(),
            kind: HeaderValue::from_static(kind),
            tag: entity_tag(bytes),
        }
    }

    fn answer(&self, asked: &HeaderMap, cache_control: HeaderValue) -> Response {
        let takes_gzip = asked
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(takes_gzip);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, self.kind.clone());
        headers.insert(header::CACHE_CONTROL, cache_control);
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let body = match self.gzipped.as_ref().filter(|_| takes_gzip) {
            Some(gzipped) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzipped.clone()
            }
            None => self.bytes.clone(),
        };
        (headers, body).into_response()
    }
}

/// Whether a list of encodings has gzip in it, and not only to refuse it.
fn takes_gzip(encodings: &str) -> bool {
    encodings.split(',').any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let is_refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    Some(encoder.finish().ok()?.into())
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Sources of the page's own elements of this name, by the digest of what is in them: nothing else
/// of it may run. Elements that only refer to a file are empty.
fn hashes_of(html: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut hashes = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once(open.as_str()) {
        let Some((_, inside)) = after.split_once('>') else {
            break;
        };
        let Some((text, behind)) = inside.split_once(close.as_str()) else {
            break;
        };
        if !text.trim().is_empty() {
            let digest = STANDARD.encode(Sha256::digest(text));
            hashes.push(format!("'sha256-{digest}'"));
        }
        rest = behind;
    }
    hashes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_program_without_the_dashboard_loads_nothing_and_says_what_to_do() {
        assert!(UNBUILT.contains("make dashboard"));
        for attribute in [
            "src=",
            "http://",
            "https://",
            "style=",
            "onclick",
            "innerHTML",
        ] {
            assert!(!UNBUILT.contains(attribute), "{attribute} in the page");
        }
        let site = Site::new(Vec::new());
        assert!(
            !site.policy.contains("script-src 'self'"),
            "{}",
            site.policy
        );
        assert_eq!(
            site.policy.matches("'sha256-").count(),
            2,
            "{}",
            site.policy
        );
    }

    #[test]
    fn only_what_is_written_in_the_page_is_hashed() {
        let html = "<script>a()</script><script type=\"module\" src=\"/assets/x.js\"></script>\
                    <style>b{}</style>";
        let script = format!("'sha256-{}'", STANDARD.encode(Sha256::digest("a()")));
        assert_eq!(hashes_of(html, "script"), script);
        assert_eq!(hashes_of("<script", "script"), "");
        assert_eq!(hashes_of("<script>never closed", "script"), "");
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for (encodings, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("br", false),
            ("gzip;q=0", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(encodings), takes, "{encodings}");
        }
    }
}

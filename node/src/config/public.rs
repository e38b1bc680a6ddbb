//! The section about what strangers are told of this node and of the pool.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConfigError;
use super::sections::require;

/// Longest name or address in this section.
const TEXT_BYTES_MAX: usize = 256;

/// `[public]`: all of it is shown to everybody.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublicSection {
    /// The pool's name; the same on every node.
    pub pool_name: Option<String>,
    /// This node's name.
    pub node_name: Option<String>,
    /// Where it stands, as miners choose by it.
    pub region: Option<String>,
    /// Base URL of this node's API as browsers reach it, so that a page can go on here when the
    /// node that served it dies.
    pub api_url: Option<String>,
    /// Name or address by which miners reach this node; without it the address that is listened on,
    /// unless that is every one.
    pub miner_host: Option<String>,
    /// Where the pool's operator can be reached: a URL.
    pub contact_url: Option<String>,
    /// A block in an explorer; `{hash}` stands for its hash.
    pub explorer_block_url: Option<String>,
    /// A transaction in an explorer; `{hash}` stands for its hash.
    pub explorer_transaction_url: Option<String>,
    /// An address in an explorer; `{address}` stands for it.
    pub explorer_address_url: Option<String>,
}

impl PublicSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let texts = [
            ("public.pool_name", &self.pool_name),
            ("public.node_name", &self.node_name),
            ("public.region", &self.region),
            ("public.miner_host", &self.miner_host),
        ];
        for (key, text) in texts {
            let Some(text) = text else { continue };
            require(
                (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control),
                key,
                format!("must have 1 to {TEXT_BYTES_MAX} bytes and be one line"),
            )?;
        }
        let urls = [
            ("public.api_url", &self.api_url, None),
            ("public.contact_url", &self.contact_url, None),
            (
                "public.explorer_block_url",
                &self.explorer_block_url,
                Some("{hash}"),
            ),
            (
                "public.explorer_transaction_url",
                &self.explorer_transaction_url,
                Some("{hash}"),
            ),
            (
                "public.explorer_address_url",
                &self.explorer_address_url,
                Some("{address}"),
            ),
        ];
        for (key, url, placeholder) in urls {
            if let Some(url) = url {
                check_url(key, url, placeholder)?;
            }
        }
        Ok(())
    }
}

/// What is wrong here would be a dead link on a page, or a hole in its policy of what it may load.
fn check_url(key: &'static str, url: &str, placeholder: Option<&str>) -> Result<(), ConfigError> {
    let rest = ["https://", "http://", "mailto:"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let is_plain = url
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"'<>;,".contains(&byte));
    let is_link = rest.is_some_and(|rest| !rest.is_empty()) && is_plain;
    require(
        is_link && url.len() <= TEXT_BYTES_MAX,
        key,
        format!("`{url}` is no URL such as \"https://pool.example\""),
    )?;
    if key == "public.api_url" {
        require(
            url.starts_with("http") && !url.ends_with('/'),
            key,
            format!("`{url}` must begin with https:// or http:// and end without a slash"),
        )?;
    }
    match placeholder {
        Some(placeholder) => require(
            url.contains(placeholder),
            key,
            format!("`{url}` must have {placeholder} in it"),
        ),
        None => Ok(()),
    }
}

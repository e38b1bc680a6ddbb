//! The section about the listener for probes.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// What `listen` says when there is no listener.
const OFF: &str = "off";

/// `[health]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSection {
    /// Address of the plain HTTP listener for `/livez`, `/readyz` and `/metrics`; "off" for no such
    /// listener: the API's serves the same paths.
    #[serde(deserialize_with = "address_or_off")]
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
}

impl Default for HealthSection {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8001))),
        }
    }
}

fn address_or_off<'de, D: Deserializer<'de>>(value: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(value)?;
    if text == OFF {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let problem =
            format!("`{text}` is neither an address such as \"127.0.0.1:8001\" nor \"off\"");
        serde::de::Error::custom(problem)
    })
}

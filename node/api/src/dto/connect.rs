//! What miners copy into their configuration, and what pages need to know of the pool beside it.

use serde::Serialize;
use utoipa::ToSchema;

use super::cluster::{ClusterStatus, Endpoint};
use crate::facts::About;

/// The answer of `/api/v1/connect`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connect {
    /// Name of the pool; null when its operator gave none.
    pub pool_name: Option<String>,
    /// The node that answers.
    pub serving_node_id: u64,
    /// What the addresses of the chain begin with, without the colon.
    pub address_prefix: &'static str,
    /// The nodes, by id.
    pub nodes: Vec<ConnectNode>,
    /// Where else to look.
    pub links: Links,
}

/// One node, as miners and pages reach it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectNode {
    /// Its id.
    pub id: u64,
    /// Its name; null when it was given none.
    pub name: Option<String>,
    /// Where it stands; null when that was not said.
    pub region: Option<String>,
    /// Base URL of its API, as browsers reach it; null when it was given none.
    pub api_url: Option<String>,
    /// Whether it serves miners at this moment.
    pub serving: bool,
    /// Where miners connect; empty while it does not answer.
    pub endpoints: Vec<Endpoint>,
}

/// Addresses on other sites; null when the operator gave none.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// Where the operator can be reached.
    pub contact_url: Option<String>,
    /// A block in an explorer; `{hash}` stands for its hash.
    pub explorer_block_url: Option<String>,
    /// A transaction in an explorer; `{hash}` stands for its hash.
    pub explorer_transaction_url: Option<String>,
    /// An address in an explorer; `{address}` stands for it.
    pub explorer_address_url: Option<String>,
}

impl Connect {
    pub(crate) fn new(about: &About, status: ClusterStatus) -> Self {
        let node = |node: super::cluster::ClusterNode| {
            let public = node.public.unwrap_or_default();
            ConnectNode {
                id: node.id,
                name: public.name,
                region: public.region,
                api_url: public.api_url,
                serving: node.serving,
                endpoints: public.endpoints,
            }
        };
        Self {
            pool_name: about.pool_name.clone(),
            serving_node_id: status.node_id,
            address_prefix: about.address_prefix,
            nodes: status.nodes.into_iter().map(node).collect(),
            links: Links {
                contact_url: about.contact_url.clone(),
                explorer_block_url: about.explorer_block_url.clone(),
                explorer_transaction_url: about.explorer_transaction_url.clone(),
                explorer_address_url: about.explorer_address_url.clone(),
            },
        }
    }
}

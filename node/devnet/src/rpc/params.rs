//! Parameters of a call.

use raftpool_chain::{Address, AddressError, Hash, Network};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RpcError;

/// The `params` of a request; `Null` when there are none.
#[derive(Debug, Clone)]
pub(crate) struct Params(pub(crate) Value);

impl Params {
    /// For methods without parameters: absent, `null` and `[]` are fine, `{}` is not.
    pub(crate) fn none(&self) -> Result<(), RpcError> {
        match &self.0 {
            Value::Null => Ok(()),
            Value::Array(list) if list.is_empty() => Ok(()),
            _ => Err(RpcError::unexpected_params()),
        }
    }

    /// For methods with parameters.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, RpcError> {
        serde_json::from_value(self.0).map_err(RpcError::invalid_params)
    }

    /// For methods all of whose parameters are optional.
    pub(crate) fn read_or_default<T: DeserializeOwned + Default>(self) -> Result<T, RpcError> {
        if self.0.is_null() {
            Ok(T::default())
        } else {
            self.read()
        }
    }
}

/// The key of an address of this network.
pub(crate) fn read_address(text: &str, network: Network) -> Result<[u8; 32], RpcError> {
    match Address::parse(text, network) {
        Ok(address) => Ok(*address.public_key()),
        Err(AddressError::WrongNetwork { .. }) => {
            Err(RpcError::invalid_params("Invalid network state"))
        }
        Err(error) => Err(RpcError::invalid_params(error)),
    }
}

/// A hash in hex.
pub(crate) fn read_hash(text: &str) -> Result<Hash, RpcError> {
    if text.len() != 64 {
        return Err(RpcError::invalid_params("Invalid hex length"));
    }
    text.parse()
        .map_err(|_| RpcError::invalid_params("Invalid hex"))
}

/// Bytes in hex.
pub(crate) fn read_hex(text: &str) -> Result<Vec<u8>, RpcError> {
    hex::decode(text).map_err(|_| RpcError::invalid_params("Invalid hex"))
}

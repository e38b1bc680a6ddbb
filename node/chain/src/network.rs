//! The networks of the coin and what tells them apart on the wire.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A XELIS network, spelled as the daemon's `get_info` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The network whose coins have a value.
    Mainnet,
    /// The public test network.
    Testnet,
    /// The public network on which releases are tried.
    Stagenet,
    /// A private network; every data directory has its own genesis block.
    Devnet,
}

impl Network {
    /// Prefix of this network's addresses: `xel` on mainnet, `xet` on every other network.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Mainnet => "xel",
            Self::Testnet | Self::Stagenet | Self::Devnet => "xet",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Stagenet => "stagenet",
            Self::Devnet => "devnet",
        })
    }
}

/// The name is none of the four networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown network `{0}`; known are mainnet, testnet, stagenet and devnet")]
pub struct UnknownNetwork(pub String);

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        match text {
            "mainnet" => Ok(Self::Mainnet),
            "testnet" => Ok(Self::Testnet),
            "stagenet" => Ok(Self::Stagenet),
            "devnet" => Ok(Self::Devnet),
            _ => Err(UnknownNetwork(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() -> anyhow::Result<()> {
        for network in [
            Network::Mainnet,
            Network::Testnet,
            Network::Stagenet,
            Network::Devnet,
        ] {
            assert_eq!(network.to_string().parse::<Network>()?, network);
            assert_eq!(serde_json::to_string(&network)?, format!("\"{network}\""));
        }
        assert_eq!(
            "Mainnet".parse::<Network>(),
            Err(UnknownNetwork("Mainnet".to_owned()))
        );
        Ok(())
    }
}

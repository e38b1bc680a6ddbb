//! A configuration for a new node: the commented example, with what is known of the node filled in.

use std::path::Path;

use super::{Config, ConfigError, EXAMPLE};

/// What a new node is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    /// mainnet, testnet, stagenet or devnet.
    pub network: String,
    /// The address that blocks pay to.
    pub pool_address: String,
    /// Its number in the cluster.
    pub id: u32,
    /// Where it keeps the ledger.
    pub data_directory: String,
    /// `http://host:port` of its daemons, the preferred one first.
    pub daemons: Vec<String>,
    /// Its place in a cluster; `None` when it runs alone.
    pub membership: Option<Membership>,
    /// The wallet that pays; `None` when this node never pays.
    pub wallet: Option<NewWallet>,
}

/// How the other nodes find a new one, and it finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// By what the others find it: host and port, or a service name.
    pub address: String,
    /// The others.
    pub peers: Vec<String>,
}

/// The wallet of a new node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWallet {
    /// `http://host:port` of its RPC server.
    pub url: String,
    /// Its user name.
    pub username: String,
    /// The file that will have its password, relative to the configuration.
    pub password_file: String,
}

/// Why no configuration was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A value is not acceptable; the error names its key.
    #[error(transparent)]
    Value(#[from] ConfigError),
    /// The example lacks a key: a mistake of the program.
    #[error("the example has no key {key} in [{section}]; please report this")]
    Example {
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
    },
}

impl NewNode {
    /// The file for this node. Its `path` appears in errors only; nothing is written.
    ///
    /// # Errors
    /// When a value is not acceptable in a configuration.
    pub fn to_text(&self, path: &Path) -> Result<String, InitError> {
        let mut example = Example::new();
        example.set("pool", "network", self.network.as_str())?;
        example.set("pool", "address", self.pool_address.as_str())?;
        example.set("node", "id", i64::from(self.id))?;
        example.set("node", "data_directory", self.data_directory.as_str())?;
        example.set("daemon", "urls", self.daemons.clone())?;
        if let Some(membership) = &self.membership {
            example.enable("cluster", "certificates")?;
            example.set("cluster", "address", membership.address.as_str())?;
            example.set("cluster", "peers", membership.peers.clone())?;
        }
        if let Some(wallet) = &self.wallet {
            example.set("wallet", "url", wallet.url.as_str())?;
            example.set("wallet", "username", wallet.username.as_str())?;
            example.set("wallet", "password_file", wallet.password_file.as_str())?;
        }
        let text = example.to_text();
        // The operator has yet to write the password's file.
        Config::parse_without_secrets(path, &text, [])?;
        Ok(text)
    }
}

/// The lines of the example.
struct Example {
    lines: Vec<String>,
}

impl Example {
    fn new() -> Self {
        Self {
            lines: EXAMPLE.lines().map(str::to_owned).collect(),
        }
    }

    /// Gives a key a value, in its place, also where it or its section was commented out.
    fn set(
        &mut self,
        section: &'static str,
        key: &'static str,
        value: impl Into<toml::Value>,
    ) -> Result<(), InitError> {
        let line = self.find(section, key)?;
        self.lines[line] = format!("{key} = {}", value.into());
        Ok(())
    }

    /// Has a key, and its section, count with the value that the example shows.
    fn enable(&mut self, section: &'static str, key: &'static str) -> Result<(), InitError> {
        let line = self.find(section, key)?;
        self.lines[line] = uncommented(&self.lines[line]).to_owned();
        Ok(())
    }

    /// The line of a key. Its section counts from now on.
    fn find(&mut self, section: &'static str, key: &'static str) -> Result<usize, InitError> {
        let missing = InitError::Example { section, key };
        let header = format!("[{section}]");
        let is_header = |line: &String| uncommented(line) == header;
        let Some(start) = self.lines.iter().position(is_header) else {
            return Err(missing);
        };
        let rest = self.lines.iter().enumerate().skip(start + 1);
        let mut section_lines = rest.take_while(|(_, line)| !uncommented(line).starts_with('['));
        let begins = format!("{key} = ");
        let found = section_lines.find(|(_, line)| uncommented(line).starts_with(&begins));
        let Some((line, _)) = found else {
            return Err(missing);
        };
        self.lines[start] = header;
        Ok(line)
    }

    fn to_text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

fn uncommented(line: &str) -> &str {
    line.trim_start_matches('#').trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NewNode {
        NewNode {
            network: "mainnet".into(),
            pool_address: "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz".into(),
            id: 2,
            data_directory: "/var/lib/raftpool".into(),
            daemons: vec![
                "http://127.0.0.1:8080".into(),
                "http://10.0.0.9:8080".into(),
            ],
            membership: None,
            wallet: None,
        }
    }

    fn config_of(node: &NewNode) -> super::super::RawConfig {
        let text = node.to_text(Path::new("raftpool.toml")).unwrap();
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_given_is_in_the_file_and_every_comment_too() {
        let alone = config_of(&node());
        assert_eq!((alone.node.id, alone.daemon.urls.len()), (2, 2));
        assert_eq!(alone.node.data_directory, Path::new("/var/lib/raftpool"));
        assert!(alone.cluster.is_none() && alone.wallet.is_none() && alone.dns.is_none());

        let member = NewNode {
            membership: Some(Membership {
                address: "node-2.pool.example:5078".into(),
                peers: vec!["node-1.pool.example:5078".into()],
            }),
            wallet: Some(NewWallet {
                url: "http://127.0.0.1:8081".into(),
                username: "payer".into(),
                password_file: "secret".into(),
            }),
            ..node()
        };
        let config = config_of(&member);
        let cluster = config.cluster.unwrap();
        assert_eq!(cluster.address, "node-2.pool.example:5078");
        assert_eq!(cluster.peers, ["node-1.pool.example:5078"]);
        assert_eq!(config.wallet.unwrap().username, "payer");
        let text = member.to_text(Path::new("raftpool.toml")).unwrap();
        assert_eq!(text.lines().count(), EXAMPLE.lines().count());
    }

    #[test]
    fn what_no_configuration_takes_is_refused_by_name() {
        let refused = |node: NewNode, expected: &str| {
            let error = node.to_text(Path::new("raftpool.toml")).unwrap_err();
            let shown = format!("{:#}", anyhow::Error::from(error));
            assert!(shown.contains(expected), "{shown}");
        };
        let network = "moon".into();
        refused(NewNode { network, ..node() }, "network `moon` is unknown");
        let pool_address = "xet:nonsense\"".into();
        refused(
            NewNode {
                pool_address,
                ..node()
            },
            "pool.address",
        );
        let id = 0;
        refused(NewNode { id, ..node() }, "node.id: must be 1 or more");
        let daemons = Vec::new();
        refused(NewNode { daemons, ..node() }, "daemon.urls");
    }
}

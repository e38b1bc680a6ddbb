//! What a stream is about.

use crate::parameters::shorten;
use crate::problem::Problem;
use crate::routes::is_address;

/// Most miners that one stream is about.
const MINERS_MAX: usize = 4;

/// The topics of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Topics {
    pub(crate) pool: bool,
    pub(crate) blocks: bool,
    pub(crate) payouts: bool,
    pub(crate) nodes: bool,
    pub(crate) miners: Vec<String>,
}

impl Topics {
    /// Reads a list with commas.
    ///
    /// # Errors
    /// When a topic is unknown or there are too many miners.
    pub(crate) fn read(text: Option<&str>) -> Result<Self, Problem> {
        let mut topics = Self::default();
        for topic in text.unwrap_or("pool,blocks,payouts").split(',') {
            match topic {
                "pool" => topics.pool = true,
                "blocks" => topics.blocks = true,
                "payouts" => topics.payouts = true,
                "nodes" => topics.nodes = true,
                _ => match topic.strip_prefix("miner:").filter(|text| is_address(text)) {
                    Some(address) => topics.miners.push(address.to_owned()),
                    None => return Err(unknown(topic)),
                },
            }
        }
        topics.miners.sort_unstable();
        topics.miners.dedup();
        if topics.miners.len() > MINERS_MAX {
            let detail = format!("has {} miners, {MINERS_MAX} at most", topics.miners.len());
            return Err(Problem::parameter("topics", detail));
        }
        Ok(topics)
    }
}

fn unknown(topic: &str) -> Problem {
    let detail = format!(
        "knows pool, blocks, payouts, nodes and miner:<address>, not \"{}\"",
        shorten(topic)
    );
    Problem::parameter("topics", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_a_list_of_known_words() {
        let topics = Topics::read(Some("blocks,miner:xel:b,miner:xel:a,miner:xel:b")).unwrap();
        assert!(topics.blocks && !topics.pool && !topics.payouts && !topics.nodes);
        assert_eq!(topics.miners, ["xel:a", "xel:b"]);
        let usual = Topics::read(None).unwrap();
        assert!(usual.pool && usual.blocks && usual.payouts && !usual.nodes);
        for wrong in [
            "",
            "block",
            "pool,",
            "miner:",
            "miner:a b",
            "pool;blocks",
            "POOL",
        ] {
            assert!(Topics::read(Some(wrong)).is_err(), "{wrong}");
        }
        let many = "miner:a,miner:b,miner:c,miner:d,miner:e";
        assert!(Topics::read(Some(many)).is_err());
    }
}

//! The command line of `raftpool node`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::LookArgs;
use super::cluster::NodeArgs;

/// Take a node out of service, and back.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Let the node's miners go to the others, so that it can be stopped without harm
    ///
    /// In this order: `/readyz` says no; `node.drain_wait_ms` pass, for balancers and resolvers to
    /// notice; new miners are told to use another node; the lead is handed over; the miners go one
    /// after the other, each after its shares are answered. The command shows how far it is and ends
    /// when all are gone; the node goes on to drain when the command is interrupted. It is refused
    /// while another member drains or does not answer.
    Drain(DrainArgs),
    /// Have a node that drains, or is drained, serve again
    Undrain(NodeArgs),
    /// Show whether the node serves miners, drains, or is drained
    Status(LookArgs),
}

/// How to drain.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// Time over which the miners go, such as 90s or 2m; `node.drain_over_ms` when not given
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub over: Option<Duration>,
    /// Even if another member drains or does not answer
    #[arg(long)]
    pub force: bool,
}

/// A number with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let time_ms = number.parse::<u64>().ok().zip(unit_ms);
    let time_ms = time_ms.and_then(|(number, unit_ms)| number.checked_mul(unit_ms));
    let problem = || format!("`{text}` is no time such as 500ms, 90s, 2m or 1h");
    time_ms.map(Duration::from_millis).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["", "2", "m", "2 m", "-1s", "2d", "99999999999999999999h"] {
            let error = duration(wrong).unwrap_err();
            assert!(error.contains("no time such as"), "{error}");
        }
    }
}

//! `raftpool doctor`

use std::process::ExitCode;

use crate::cli::{LookArgs, OutputFormat};
use crate::config::Config;
use crate::doctor::{Severity, examine, listing};

/// Exit code when the node cannot work, or does not.
const EXIT_PROBLEM: u8 = 2;

pub(super) async fn execute(args: &LookArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load_without_secrets(&args.config, std::env::vars())?;
    let findings = examine(&config, &args.config).await?;
    match args.output {
        OutputFormat::Text => print!("{}", listing(&findings)),
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&findings)?),
    }
    Ok(match findings.first().map(|finding| finding.severity) {
        Some(Severity::Problem) => ExitCode::from(EXIT_PROBLEM),
        Some(Severity::Warning) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

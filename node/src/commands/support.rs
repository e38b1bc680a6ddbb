//! `raftpool support-dump`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::SupportArgs;
use crate::support::{LogSource, collect};
use crate::system::now_ms;

pub(super) async fn execute(args: &SupportArgs) -> anyhow::Result<ExitCode> {
    let log = match (&args.log, args.without_log) {
        (Some(file), _) => LogSource::File(file.clone()),
        (None, true) => LogSource::None,
        (None, false) => LogSource::Journal(args.unit.clone()),
    };
    let dump = collect(&args.config, &log).await;
    let now_ms = now_ms();
    let default = || PathBuf::from(format!("raftpool-support-{}.tar.gz", now_ms / 1_000));
    let file = args.output.clone().unwrap_or_else(default);
    let names: Vec<String> = dump.names().map(str::to_owned).collect();
    let missing = dump.missing().to_vec();
    dump.write(&file, now_ms)?;
    println!("{} holds {}", file.display(), names.join(", "));
    for one in missing {
        println!("not there: {one}");
    }
    println!(
        "it has no passwords, keys and tokens; the log and the history of changes name miners: \
         look through it before you pass it on"
    );
    Ok(ExitCode::SUCCESS)
}

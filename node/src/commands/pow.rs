//! `raftpool pow`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use raftpool_pow::bench::measure;
use raftpool_pow::{Algorithm, Hasher, WORK_SIZE};

use crate::cli::{AlgorithmName, PowCommand};

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::V1 => Self::V1,
            AlgorithmName::V2 => Self::V2,
            AlgorithmName::V3 => Self::V3,
        }
    }
}

pub(super) fn execute(command: &PowCommand) -> anyhow::Result<ExitCode> {
    match command {
        PowCommand::Hash { algorithm, hex } => print_hash((*algorithm).into(), hex)?,
        PowCommand::Bench { algorithm, seconds } => bench(*algorithm, *seconds),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_hash(algorithm: Algorithm, text: &str) -> anyhow::Result<()> {
    let bytes = hex::decode(text.trim()).context("the work is not hexadecimal")?;
    let Ok(work) = <[u8; WORK_SIZE]>::try_from(bytes.as_slice()) else {
        bail!(
            "the work has {} bytes; it must have {WORK_SIZE}",
            bytes.len()
        );
    };
    let hash = Hasher::new()
        .hash(algorithm, &work)
        .context("hash the work")?;
    println!("{}", hex::encode(hash));
    Ok(())
}

fn bench(algorithm: Option<AlgorithmName>, seconds: u64) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let algorithms = match algorithm {
        Some(name) => vec![name.into()],
        None => vec![Algorithm::V2, Algorithm::V3],
    };
    for algorithm in algorithms {
        for threads in [1, cores] {
            println!(
                "{}",
                measure(algorithm, threads, Duration::from_secs(seconds))
            );
        }
    }
}

//! `raftpool ledger replay`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use raftpool_api::dto::export::{Amounts, EXPORT_FORMAT, ExportRow, miners_accounts};

pub(super) fn execute(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let lines: Box<dyn BufRead> = match file {
        Some(file) => {
            let opened = File::open(file).with_context(|| format!("open {}", file.display()))?;
            Box::new(BufReader::new(opened))
        }
        None => Box::new(BufReader::new(stdin())),
    };
    let mut replay = Replay::default();
    for (line, number) in lines.lines().zip(1..) {
        let line = line.with_context(|| format!("read line {number}"))?;
        let row = serde_json::from_str(&line)
            .with_context(|| format!("line {number} is no line of an export"))?;
        replay
            .add(row)
            .with_context(|| format!("in line {number}"))?;
    }
    let problems = replay.finish()?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.is_empty() {
        true => {
            println!("every balance is the sum of its entries");
            Ok(ExitCode::SUCCESS)
        }
        false => Ok(ExitCode::FAILURE),
    }
}

type Sums = BTreeMap<String, i128>;

/// What is added up, and what it is compared with.
#[derive(Default)]
struct Replay {
    has_head: bool,
    entries: u64,
    lines: u64,
    accounts: Sums,
    miners: BTreeMap<String, Sums>,
    held: Option<Sums>,
    held_by_miners: BTreeMap<String, Sums>,
    problems: Vec<String>,
}

impl Replay {
    fn add(&mut self, row: ExportRow) -> anyhow::Result<()> {
        match row {
            ExportRow::Head {
                format,
                index,
                is_selection,
                ..
            } => {
                ensure!(
                    !is_selection,
                    "the export is a part of the journal, and only the whole can be compared: \
                     export without an account, a miner, a block, a payout or a time"
                );
                ensure!(
                    format == EXPORT_FORMAT,
                    "the export has format {format}; this program reads {EXPORT_FORMAT}"
                );
                self.has_head = true;
                println!("the books at log index {index}");
            }
            ExportRow::Entry {
                index,
                kind,
                amounts,
                ..
            } => {
                self.entries += 1;
                let amounts = read(&amounts)?;
                let sum: i128 = amounts.values().sum();
                if sum != 0 {
                    self.problems
                        .push(format!("entry {index} ({kind}) is out of balance by {sum}"));
                }
                add(&mut self.accounts, amounts);
            }
            ExportRow::Line { miner, amounts, .. } => {
                self.lines += 1;
                add(self.miners.entry(miner).or_default(), read(&amounts)?);
            }
            ExportRow::Accounts { amounts } => self.held = Some(read(&amounts)?),
            ExportRow::Miner { miner, amounts } => {
                self.held_by_miners.insert(miner, read(&amounts)?);
            }
        }
        Ok(())
    }

    /// Everything that does not add up.
    fn finish(mut self) -> anyhow::Result<Vec<String>> {
        if !self.has_head {
            bail!("this is no export of a ledger: it has no first line");
        }
        let Some(held) = self.held.take() else {
            bail!("the export is not whole: it has no balances at its end");
        };
        println!("{} entries, {} lines of miners", self.entries, self.lines);
        compare(&mut self.problems, "the pool", &held, &self.accounts);
        let mut of_miners = Sums::new();
        for (miner, sums) in &self.miners {
            add(&mut of_miners, sums.clone());
            let held = self.held_by_miners.remove(miner).unwrap_or_default();
            compare(&mut self.problems, miner, &held, sums);
        }
        for (miner, held) in &self.held_by_miners {
            compare(&mut self.problems, miner, held, &Sums::new());
        }
        for account in miners_accounts() {
            let of = |sums: &Sums| sums.get(account).copied().unwrap_or_default();
            let (of_pool, of_all) = (of(&self.accounts), of(&of_miners));
            if of_pool != of_all {
                self.problems.push(format!(
                    "{account} changed by {of_pool}, that of all miners together by {of_all}"
                ));
            }
        }
        Ok(self.problems)
    }
}

fn compare(problems: &mut Vec<String>, whose: &str, held: &Sums, sums: &Sums) {
    let names: std::collections::BTreeSet<_> = held.keys().chain(sums.keys()).collect();
    for name in names {
        let of = |sums: &Sums| sums.get(name).copied().unwrap_or_default();
        let (held, sum) = (of(held), of(sums));
        if held != sum {
            problems.push(format!(
                "{whose} has {held} in {name}, its entries say {sum}"
            ));
        }
    }
}

fn read(amounts: &Amounts) -> anyhow::Result<Sums> {
    let amounts = amounts.iter();
    amounts
        .map(|(account, amount)| {
            let amount = amount
                .parse()
                .with_context(|| format!("{amount} in {account} is no amount"))?;
            Ok((account.clone(), amount))
        })
        .collect()
}

fn add(into: &mut Sums, amounts: Sums) {
    for (account, amount) in amounts {
        *into.entry(account).or_default() += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = r#"{"row":"head","format":1,"network":"devnet","pool_address":"p","index":9,"digest":""}
{"row":"entry","index":2,"kind":"block_settled","time_ms":1,"author":"n","reason":"","block_number":1,"payout_id":null,"amounts":{"income":"-100","mature":"99","fees_pplns":"1"}}
{"row":"line","index":2,"kind":"block_settled","miner":"a","amounts":{"mature":"99"},"shares":0}
{"row":"accounts","amounts":{"income":"-100","mature":"99","fees_pplns":"1"}}
{"row":"miner","miner":"a","amounts":{"mature":"99"}}"#;

    fn problems(export: &str) -> anyhow::Result<Vec<String>> {
        let mut replay = Replay::default();
        for line in export.lines() {
            replay.add(serde_json::from_str(line)?)?;
        }
        replay.finish()
    }

    #[test]
    fn an_export_that_adds_up_has_no_problems() {
        assert_eq!(problems(EXPORT).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_unit_too_many_is_found() {
        for (right, wrong, what) in [
            (
                r#""mature":"99","fees"#,
                r#""mature":"98","fees"#,
                "out of balance by -1",
            ),
            (
                r#"a","amounts":{"mature":"99"},"#,
                r#"a","amounts":{"mature":"98"},"#,
                "a has 99",
            ),
            (
                r#""accounts","amounts":{"income":"-100""#,
                r#""accounts","amounts":{"income":"-99""#,
                "the pool has -99",
            ),
            (
                r#"a","amounts":{"mature":"99"}}"#,
                r#"b","amounts":{"mature":"99"}}"#,
                "b has 99",
            ),
        ] {
            let spoilt = EXPORT.replacen(right, wrong, 1);
            assert_ne!(spoilt, EXPORT, "{right}");
            let problems = problems(&spoilt).unwrap();
            assert!(
                problems.iter().any(|found| found.contains(what)),
                "{what}: {problems:?}"
            );
        }
    }

    #[test]
    fn half_an_export_and_no_export_are_told_apart_from_a_whole_one() {
        let half: Vec<_> = EXPORT.lines().take(3).collect();
        assert!(
            problems(&half.join("\n"))
                .unwrap_err()
                .to_string()
                .contains("not whole")
        );
        let part = EXPORT.replacen(
            "\"digest\":\"\"",
            "\"digest\":\"\",\"is_selection\":true",
            1,
        );
        assert!(
            problems(&part)
                .unwrap_err()
                .to_string()
                .contains("part of the journal")
        );
        assert!(problems("").unwrap_err().to_string().contains("no export"));
        let newer = EXPORT.replacen("\"format\":1", "\"format\":2", 1);
        assert!(
            problems(&newer)
                .unwrap_err()
                .to_string()
                .contains("format 2")
        );
    }
}

//! The messages of the getwork dialect, as the official daemon writes and reads them.

use raftpool_chain::MinerWork;
use raftpool_pow::WORK_SIZE;
use serde::{Deserialize, Serialize};

use crate::jobs::Job;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Message<'a> {
    NewJob(NewJob),
    BlockAccepted,
    BlockRejected(&'a str),
}

/// The fields in the daemon's order.
#[derive(Serialize)]
struct NewJob {
    algorithm: String,
    miner_work: String,
    /// At least one miner ignores a job of height 0.
    height: u64,
    /// Decimal text: the network's difficulty does not fit any number of JSON.
    difficulty: String,
    topoheight: u64,
}

#[derive(Deserialize)]
struct Submission {
    /// One miner calls it by its older name.
    #[serde(alias = "block_template")]
    miner_work: String,
}

/// A job with the work that one miner gets of it.
pub(crate) fn new_job(job: &Job, work: &MinerWork, difficulty: u64) -> String {
    write(&Message::NewJob(NewJob {
        algorithm: job.template.algorithm.to_string(),
        miner_work: hex::encode(work.to_bytes()),
        height: job.template.height,
        difficulty: difficulty.to_string(),
        topoheight: job.template.topoheight,
    }))
}

/// The answer to an accepted share.
pub(crate) fn accepted() -> String {
    write(&Message::BlockAccepted)
}

/// The answer to a refused share.
pub(crate) fn rejected(reason: &str) -> String {
    write(&Message::BlockRejected(reason))
}

fn write(message: &Message<'_>) -> String {
    serde_json::to_string(message).expect("text and numbers are always JSON")
}

/// Reads a message of a miner; `None` when it is no submission.
pub(crate) fn read(text: &str) -> Option<String> {
    // The JSON library would also read an array as the fields in their order.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let submission: Submission = serde_json::from_str(text).ok()?;
    Some(submission.miner_work)
}

/// Reads the work in a submission.
///
/// # Errors
/// A sentence for the miner.
pub(crate) fn read_work(text: &str) -> Result<MinerWork, &'static str> {
    if text.len() != 2 * WORK_SIZE {
        return Err("the work must have 224 hexadecimal digits");
    }
    let mut bytes = [0; WORK_SIZE];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "the work must consist of hexadecimal digits")?;
    Ok(MinerWork::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_are_read_under_both_names_and_nothing_else_is() {
        for (text, work) in [
            (r#"{"miner_work":"00ff"}"#, Some("00ff")),
            (r#"{"block_template":"00ff"}"#, Some("00ff")),
            (
                "{\"block_template\": \"00ff\", \"more\": [1]}\n",
                Some("00ff"),
            ),
            (r#"["00ff"]"#, None),
            (r#"{"miner_work":7}"#, None),
            (r#"{"miner_work":"a","block_template":"b"}"#, None),
            (r#"{"foo":1}"#, None),
            (r#""block_accepted""#, None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), work, "{text}");
        }
    }

    #[test]
    fn a_work_is_read_whole_or_not_at_all() {
        let work = read_work(&"5a".repeat(112)).unwrap();
        assert_eq!(work.to_bytes(), [0x5a; 112]);
        for text in ["", "5a", &"5a".repeat(111), &"zz".repeat(112)] {
            assert!(read_work(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_are_the_daemons() {
        assert_eq!(accepted(), r#""block_accepted""#);
        assert_eq!(rejected("a \"b\""), r#"{"block_rejected":"a \"b\""}"#);
    }
}

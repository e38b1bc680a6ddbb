//! Whatever a daemon says survives the way through another node; whatever else comes is refused.

use prost::Message;
use raftpool_chain::{
    ChainBlock, ChainError, Hash, SubmitBlockAnswer, SubmitTransactionAnswer, SyncStatus,
};
use raftpool_proto::node as wire;
use raftpool_proto::node::daemon_response::Answer;
use raftpool_proto::node::{DaemonResponse, daemon_request::Call};

use super::fakes::{block, execution, info, lost, ordered_blocks, pool, template, unreachable};
use crate::node::daemons::codec;
use crate::node::daemons::kind::Kind;

/// Over the wire and back.
fn sent(answer: Answer) -> Answer {
    let response = DaemonResponse {
        answer: Some(answer),
    };
    let bytes = response.encode_to_vec();
    let received = DaemonResponse::decode(&*bytes).expect("what was written is readable");
    received.answer.expect("an answer")
}

macro_rules! read {
    ($answer:expr, $kind:ident) => {
        match sent($answer) {
            Answer::$kind(answer) => answer,
            other => panic!("another kind: {other:?}"),
        }
    };
}

#[test]
fn facts_of_the_chain_survive_the_way() {
    for network in ["mainnet", "testnet", "stagenet", "devnet"] {
        let mut told = info(300);
        told.network = network.parse().expect("a network");
        let read = read!(Answer::Info(codec::write_info(told.clone())), Info);
        assert_eq!(codec::read_info(read), Ok(told));
    }
    for best_topoheight in [None, Some(0), Some(u64::MAX)] {
        let told = SyncStatus {
            our_topoheight: 0,
            best_topoheight,
            peers: 8,
        };
        let read = read!(
            Answer::SyncStatus(codec::write_sync_status(told)),
            SyncStatus
        );
        assert_eq!(codec::read_sync_status(read), told);
    }
    let told = template(301);
    let read = read!(Answer::Template(codec::write_template(&told)), Template);
    assert_eq!(codec::read_template(read, &pool()), Ok(told));
    assert_eq!(read!(Answer::Nonce(u64::MAX), Nonce), u64::MAX);
    assert_eq!(read!(Answer::StableNonce(0), StableNonce), 0);
    assert!(!read!(Answer::IsPending(false), IsPending));
}

#[test]
fn blocks_and_executions_survive_the_way_known_or_not() {
    let asked = Hash([5; 32]);
    let unordered = ChainBlock {
        ordered: None,
        ..block(asked)
    };
    for told in [None, Some(unordered), Some(block(asked))] {
        let read = read!(Answer::Block(codec::write_block(told.clone())), Block);
        assert_eq!(codec::read_block(read, asked), Ok(told));
    }
    let told = ordered_blocks(0, 19);
    let written = codec::write_ordered_blocks(told.clone());
    let read = read!(Answer::OrderedBlocks(written), OrderedBlocks);
    assert_eq!(codec::read_ordered_blocks(read, 0, 19), Ok(told));
    for told in [None, Some(execution())] {
        let written = codec::write_execution(told.clone());
        let read = read!(Answer::Execution(written), Execution);
        assert_eq!(codec::read_execution(read), Ok(told));
    }
}

#[test]
fn answers_to_submissions_survive_the_way() {
    use SubmitTransactionAnswer as Tx;
    let words = || ("KIND".to_owned(), "text".to_owned());
    let (kind, message) = words();
    for told in [
        SubmitBlockAnswer::Accepted,
        SubmitBlockAnswer::AlreadyInChain,
        SubmitBlockAnswer::Refused { kind, message },
    ] {
        let written = codec::write_submit_block(told.clone());
        let read = read!(Answer::SubmitBlock(written), SubmitBlock);
        assert_eq!(codec::read_submit_block(read), Ok(told));
    }
    let with_words = |of: fn(String, String) -> Tx| {
        let (kind, message) = words();
        of(kind, message)
    };
    for told in [
        Tx::Accepted,
        Tx::AlreadyPending,
        Tx::AlreadyExecuted,
        with_words(|kind, message| Tx::NonceConflict { kind, message }),
        with_words(|kind, message| Tx::TryLater { kind, message }),
        with_words(|kind, message| Tx::Refused { kind, message }),
    ] {
        let written = codec::write_submit_transaction(told.clone());
        let read = read!(Answer::SubmitTransaction(written), SubmitTransaction);
        assert_eq!(codec::read_submit_transaction(read), Ok(told));
    }
}

#[test]
fn errors_keep_their_text_and_whether_they_are_open() {
    let broken = ChainError::HttpStatus {
        endpoint: "daemon a".into(),
        method: "submit_block",
        status: 503,
        answer: "starting".into(),
    };
    for error in [lost("info"), unreachable(), broken] {
        let read = read!(Answer::Error(codec::write_error(&error)), Error);
        assert_eq!(read.text, error.to_string());
        assert_eq!(read.is_ambiguous, error.is_ambiguous());
    }
}

/// In particular, an empty message of a later version is not "not found".
#[test]
fn what_is_missing_or_does_not_fit_is_a_problem_and_never_a_default() {
    let asked = Hash([5; 32]);
    assert!(codec::read_block(wire::BlockAnswer::default(), asked).is_err());
    assert!(codec::read_execution(wire::ExecutionAnswer::default()).is_err());
    assert!(codec::read_submit_block(wire::SubmitBlockAnswer::default()).is_err());
    assert!(codec::read_submit_transaction(wire::SubmitTransactionAnswer::default()).is_err());
    assert!(codec::read_info(wire::ChainInfo::default()).is_err());

    let other = codec::write_block(Some(block(Hash([6; 32]))));
    let problem = codec::read_block(other, asked).expect_err("another block");
    assert!(problem.contains("it is the block 0606"), "{problem}");

    let spoil = |change: fn(&mut Vec<wire::ChainBlock>)| {
        let mut written = codec::write_ordered_blocks(ordered_blocks(3, 6));
        change(&mut written.blocks);
        codec::read_ordered_blocks(written, 3, 6).expect_err("spoiled")
    };
    for problem in [
        spoil(|blocks| drop(blocks.pop())),
        spoil(|blocks| blocks.push(blocks[0].clone())),
        spoil(|blocks| blocks.swap(1, 2)),
        spoil(|blocks| blocks[1].ordered = None),
        spoil(|blocks| blocks[1].hash.clear()),
    ] {
        assert!(!problem.is_empty());
    }

    let spoil = |change: fn(&mut wire::Template)| {
        let mut written = codec::write_template(&template(301));
        change(&mut written);
        codec::read_template(written, &pool()).expect_err("spoiled")
    };
    for problem in [
        spoil(|template| template.header.truncate(50)),
        spoil(|template| template.header.push(0)),
        spoil(|template| template.algorithm = "xel/v9".into()),
        spoil(|template| template.difficulty.clear()),
        spoil(|template| template.difficulty = vec![1; 33]),
    ] {
        assert!(!problem.is_empty());
    }
}

#[test]
fn a_template_that_pays_another_key_is_refused() {
    let mut foreign = template(301);
    foreign.header.miner_key = [8; 32];
    let read = codec::read_template(codec::write_template(&foreign), &pool());
    assert_eq!(read, Err("the template pays another key".to_owned()));
}

#[test]
fn texts_of_other_nodes_are_cut_and_stay_on_one_line() {
    let refusal = wire::Refusal {
        kind: "A\nB".into(),
        message: "ä".repeat(100_000),
    };
    let answer = wire::SubmitBlockAnswer {
        result: Some(wire::submit_block_answer::Result::Refused(refusal)),
    };
    match codec::read_submit_block(answer) {
        Ok(SubmitBlockAnswer::Refused { kind, message }) => {
            assert_eq!(kind, "AB");
            assert_eq!(message.chars().count(), 1_000);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_call_has_a_name_and_a_deadline_of_its_kind() {
    let nothing = wire::Nothing {};
    let text = || pool().as_str().to_owned();
    let bytes = || vec![1; 32];
    for (call, method, timeout_ms) in [
        (Call::Info(nothing), "info", 5_000),
        (Call::SyncStatus(nothing), "sync_status", 5_000),
        (Call::Template(text()), "template", 2_000),
        (Call::SubmitBlock(bytes()), "submit_block", 10_000),
        (Call::Block(bytes()), "block", 5_000),
        (Call::Nonce(text()), "nonce", 5_000),
        (Call::StableNonce(text()), "stable_nonce", 5_000),
        (
            Call::SubmitTransaction(bytes()),
            "submit_transaction",
            5_000,
        ),
        (Call::Execution(bytes()), "execution", 5_000),
        (Call::IsPending(bytes()), "is_pending", 5_000),
    ] {
        let kind = Kind::from(&call);
        assert_eq!(kind.method, method);
        assert_eq!(kind.timeout.as_millis(), timeout_ms, "{method}");
        assert_eq!(kind.is_read, !method.starts_with("submit"), "{method}");
    }
}

//! Sending a block or transaction to several daemons, and making one answer of theirs.
//!
//! Every send is a task of its own: it goes on when the caller has its answer, or gave up.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time,
};
use tracing::debug;

use super::health::Board;
use crate::{
    BoxFuture,
    daemon::{Daemon, SubmitBlockAnswer, SubmitTransactionAnswer},
    error::ChainError,
    header::BlockHeader,
};

/// The others are not kept waiting longer for the first daemon, which knows best what is sent.
const HEAD_START: Duration = Duration::from_millis(100);

pub(super) struct Recipient {
    pub(super) daemon: Arc<dyn Daemon>,
    pub(super) index: usize,
    pub(super) healthy: bool,
}

/// One daemon's answer.
struct Reply<A> {
    index: usize,
    healthy: bool,
    answer: Result<A, ChainError>,
}

/// Sends a block to all; see [`judge_block`] for the answer.
pub(super) async fn block(
    recipients: Vec<Recipient>,
    header: &BlockHeader,
    board: &Board,
) -> Result<SubmitBlockAnswer, ChainError> {
    let header = Arc::new(header.clone());
    let send = move |daemon: Arc<dyn Daemon>| -> BoxFuture<'static, _> {
        let header = header.clone();
        Box::pin(async move { daemon.submit_block(&header).await })
    };
    let is_enough =
        |reply: &Reply<SubmitBlockAnswer>| matches!(reply.answer, Ok(SubmitBlockAnswer::Accepted));
    let replies = send_to_all(recipients, send, is_enough, board).await;
    judge_block(replies).unwrap_or_else(|| Err(board.no_healthy_daemon()))
}

/// Sends a transaction to all; see [`judge_transaction`] for the answer.
pub(super) async fn transaction(
    recipients: Vec<Recipient>,
    tx: &[u8],
    board: &Board,
) -> Result<SubmitTransactionAnswer, ChainError> {
    let tx: Arc<[u8]> = tx.into();
    let send = move |daemon: Arc<dyn Daemon>| -> BoxFuture<'static, _> {
        let tx = tx.clone();
        Box::pin(async move { daemon.submit_transaction(&tx).await })
    };
    let is_enough = |reply: &Reply<SubmitTransactionAnswer>| {
        reply.healthy && matches!(reply.answer, Ok(SubmitTransactionAnswer::Accepted))
    };
    let replies = send_to_all(recipients, send, is_enough, board).await;
    judge_transaction(replies).unwrap_or_else(|| Err(board.no_healthy_daemon()))
}

/// Returns the answers up to the one that is enough, or all.
async fn send_to_all<A: std::fmt::Debug + Send + 'static>(
    recipients: Vec<Recipient>,
    send: impl Fn(Arc<dyn Daemon>) -> BoxFuture<'static, Result<A, ChainError>>,
    is_enough: impl Fn(&Reply<A>) -> bool,
    board: &Board,
) -> Vec<Reply<A>> {
    let (replies, mut inbox) = mpsc::channel(recipients.len().max(1));
    let (first_is_busy, go) = watch::channel(());
    let mut first_is_busy = Some(first_is_busy);
    for Recipient {
        daemon,
        index,
        healthy,
    } in recipients
    {
        let sending = send(daemon);
        let replies = replies.clone();
        let busy = first_is_busy.take();
        let mut go = go.clone();
        tokio::spawn(async move {
            if busy.is_none() {
                // Ends when the first one has its answer and drops its sender.
                let _ = time::timeout(HEAD_START, go.changed()).await;
            }
            let answer = sending.await;
            drop(busy);
            // Nobody listens any more once there was enough.
            let _ = replies
                .send(Reply {
                    index,
                    healthy,
                    answer,
                })
                .await;
        });
    }
    drop(replies);
    let mut collected = Vec::new();
    while let Some(reply) = inbox.recv().await {
        debug!(daemon = reply.index, answer = ?reply.answer, "answer to a broadcast");
        if let Err(error) = &reply.answer {
            board.note_failure(reply.index, error);
        }
        let enough = is_enough(&reply);
        collected.push(reply);
        if enough {
            break;
        }
    }
    collected
}

/// Accepted by anyone is accepted. A call with an open outcome may have been accepted, so it counts
/// more than a refusal: a block that was refused by one daemon may still be stored by another.
fn judge_block(
    replies: Vec<Reply<SubmitBlockAnswer>>,
) -> Option<Result<SubmitBlockAnswer, ChainError>> {
    let rank = |reply: &Reply<SubmitBlockAnswer>| match &reply.answer {
        Ok(SubmitBlockAnswer::Accepted) => 0,
        Ok(SubmitBlockAnswer::AlreadyInChain) => 1,
        Err(error) if error.is_ambiguous() => 2,
        Ok(SubmitBlockAnswer::Refused { .. }) => 3,
        Err(_) => 4,
    };
    replies
        .into_iter()
        .min_by_key(rank)
        .map(|reply| reply.answer)
}

/// Healthy daemons are believed before others: one that lags or hangs must not hide what a good one
/// says. Among them the answer that asks for the most patience wins, because a refusal may lead to
/// a further variant. A healthy daemon whose outcome is open counts as well; it is not healthy any
/// more afterwards, so a repetition gets the answer of the others.
fn judge_transaction(
    replies: Vec<Reply<SubmitTransactionAnswer>>,
) -> Option<Result<SubmitTransactionAnswer, ChainError>> {
    use SubmitTransactionAnswer as Answer;
    const FAILED: u8 = 7;
    let rank = |reply: &Reply<Answer>| {
        let by_answer = match &reply.answer {
            Ok(Answer::Accepted) => 0,
            Ok(Answer::AlreadyExecuted) => 1,
            Ok(Answer::AlreadyPending) => 2,
            Err(error) if error.is_ambiguous() => 3,
            Ok(Answer::TryLater { .. }) => 4,
            Ok(Answer::NonceConflict { .. }) => 5,
            Ok(Answer::Refused { .. }) => 6,
            Err(_) => FAILED,
        };
        let is_trusted = reply.healthy && by_answer != FAILED;
        (!is_trusted, by_answer)
    };
    replies
        .into_iter()
        .min_by_key(rank)
        .map(|reply| reply.answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> ChainError {
        ChainError::TimedOut {
            endpoint: "daemon a".into(),
            method: "submit",
            timeout_ms: 1,
        }
    }

    fn denied() -> ChainError {
        ChainError::HttpStatus {
            endpoint: "daemon a".into(),
            method: "submit",
            status: 401,
            answer: String::new(),
        }
    }

    fn words() -> (String, String) {
        ("KIND".into(), "text".into())
    }

    fn replies<A>(replies: Vec<(bool, Result<A, ChainError>)>) -> Vec<Reply<A>> {
        let numbered = replies.into_iter().enumerate();
        numbered
            .map(|(index, (healthy, answer))| Reply {
                index,
                healthy,
                answer,
            })
            .collect()
    }

    #[test]
    fn a_block_accepted_anywhere_is_accepted_and_an_open_outcome_is_never_a_refusal() {
        use SubmitBlockAnswer::{Accepted, AlreadyInChain, Refused};
        let refused = || {
            let (kind, message) = words();
            Refused { kind, message }
        };
        let judge = |given| judge_block(replies(given)).expect("there are replies");
        let all = judge(vec![
            (true, Ok(refused())),
            (false, Ok(Accepted)),
            (true, Err(lost())),
        ]);
        assert_eq!(all.ok(), Some(Accepted));
        let stored = judge(vec![(true, Err(lost())), (true, Ok(AlreadyInChain))]);
        assert_eq!(stored.ok(), Some(AlreadyInChain));
        let open = judge(vec![(true, Ok(refused())), (true, Err(lost()))]);
        assert!(open.is_err_and(|error| error.is_ambiguous()));
        let clear = judge(vec![(true, Err(denied())), (true, Ok(refused()))]);
        assert_eq!(clear.ok(), Some(refused()));
        assert!(judge_block(Vec::new()).is_none());
    }

    #[test]
    fn a_transaction_is_judged_by_healthy_daemons_with_the_most_patience() {
        use SubmitTransactionAnswer::{Accepted, Refused, TryLater};
        let refused = || {
            let (kind, message) = words();
            Refused { kind, message }
        };
        let try_later = || {
            let (kind, message) = words();
            TryLater { kind, message }
        };
        let judge = |given| judge_transaction(replies(given)).expect("there are replies");
        let lagging = judge(vec![(true, Ok(refused())), (false, Ok(Accepted))]);
        assert_eq!(lagging.ok(), Some(refused()));
        let patient = judge(vec![(true, Ok(refused())), (true, Ok(try_later()))]);
        assert_eq!(patient.ok(), Some(try_later()));
        let open = judge(vec![(true, Ok(refused())), (true, Err(lost()))]);
        assert!(open.is_err_and(|error| error.is_ambiguous()));
        let hanging = judge(vec![(true, Ok(refused())), (false, Err(lost()))]);
        assert_eq!(hanging.ok(), Some(refused()));
        let only_others = judge(vec![(true, Err(denied())), (false, Ok(Accepted))]);
        assert_eq!(only_others.ok(), Some(Accepted));
    }
}

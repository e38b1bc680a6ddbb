//! Sending a block or transaction to several recipients, and making one answer of theirs.
//!
//! Every send is a task of its own: it goes on when the caller has its answer, or gave up.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time,
};
use tracing::debug;

use crate::{
    BoxFuture,
    daemon::{Daemon, SubmitBlockAnswer, SubmitTransactionAnswer},
    error::ChainError,
    header::BlockHeader,
};

/// Who gets what is sent: a daemon, or a list of them.
pub struct Recipient {
    /// Where it goes.
    pub daemon: Arc<dyn Daemon>,
    /// Whether its word counts before that of others: it was healthy when it was last looked at.
    pub is_trusted: bool,
}

/// One recipient's answer.
struct Reply<A> {
    is_trusted: bool,
    answer: Result<A, ChainError>,
}

/// Sends a block to all. Accepted when anybody accepted, and then at once; otherwise an open
/// outcome counts more than a refusal. `None`: there are no recipients.
///
/// The others wait up to `head_start` for the first recipient. `on_failure` gets the place of a
/// recipient that failed, as long as the answer is not found.
///
/// # Panics
///
/// Panics outside of a tokio runtime.
pub async fn block(
    recipients: Vec<Recipient>,
    head_start: Duration,
    header: &BlockHeader,
    on_failure: impl Fn(usize, &ChainError),
) -> Option<Result<SubmitBlockAnswer, ChainError>> {
    let header = Arc::new(header.clone());
    let send = move |daemon: Arc<dyn Daemon>| -> BoxFuture<'static, _> {
        let header = header.clone();
        Box::pin(async move { daemon.submit_block(&header).await })
    };
    let is_enough =
        |reply: &Reply<SubmitBlockAnswer>| matches!(reply.answer, Ok(SubmitBlockAnswer::Accepted));
    judge_block(send_to_all(recipients, head_start, send, is_enough, on_failure).await)
}

/// Sends a transaction to all. The answer of those who are trusted counts, and of several the one
/// that asks for the most patience. `None`: there are no recipients.
///
/// `head_start` and `on_failure` are those of [`block`].
///
/// # Panics
///
/// Panics outside of a tokio runtime.
pub async fn transaction(
    recipients: Vec<Recipient>,
    head_start: Duration,
    tx: &[u8],
    on_failure: impl Fn(usize, &ChainError),
) -> Option<Result<SubmitTransactionAnswer, ChainError>> {
    let tx: Arc<[u8]> = tx.into();
    let send = move |daemon: Arc<dyn Daemon>| -> BoxFuture<'static, _> {
        let tx = tx.clone();
        Box::pin(async move { daemon.submit_transaction(&tx).await })
    };
    let is_enough = |reply: &Reply<SubmitTransactionAnswer>| {
        reply.is_trusted && matches!(reply.answer, Ok(SubmitTransactionAnswer::Accepted))
    };
    judge_transaction(send_to_all(recipients, head_start, send, is_enough, on_failure).await)
}

/// Returns the answers up to the one that is enough, or all.
async fn send_to_all<A: std::fmt::Debug + Send + 'static>(
    recipients: Vec<Recipient>,
    head_start: Duration,
    send: impl Fn(Arc<dyn Daemon>) -> BoxFuture<'static, Result<A, ChainError>>,
    is_enough: impl Fn(&Reply<A>) -> bool,
    on_failure: impl Fn(usize, &ChainError),
) -> Vec<Reply<A>> {
    let (replies, mut inbox) = mpsc::channel(recipients.len().max(1));
    let (first_is_busy, go) = watch::channel(());
    let mut first_is_busy = Some(first_is_busy);
    for (place, recipient) in recipients.into_iter().enumerate() {
        let Recipient { daemon, is_trusted } = recipient;
        let sending = send(daemon);
        let replies = replies.clone();
        let busy = first_is_busy.take();
        let mut go = go.clone();
        tokio::spawn(async move {
            if busy.is_none() && !head_start.is_zero() {
                // Ends when the first one has its answer and drops its sender.
                let _ = time::timeout(head_start, go.changed()).await;
            }
            let answer = sending.await;
            drop(busy);
            // Nobody listens any more once there was enough.
            let _ = replies.send((place, Reply { is_trusted, answer })).await;
        });
    }
    drop(replies);
    let mut collected = Vec::new();
    while let Some((place, reply)) = inbox.recv().await {
        debug!(place, answer = ?reply.answer, "answer to a broadcast");
        if let Err(error) = &reply.answer {
            on_failure(place, error);
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

/// The trusted are believed before others: a daemon that lags or hangs must not hide what a good one
/// says. Among them the answer that asks for the most patience wins, because a refusal may lead to
/// a further variant. A trusted one whose outcome is open counts as well; it is not trusted any
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
        let is_believed = reply.is_trusted && by_answer != FAILED;
        (!is_believed, by_answer)
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
        let replies = replies.into_iter();
        replies
            .map(|(is_trusted, answer)| Reply { is_trusted, answer })
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
    fn a_transaction_is_judged_by_the_trusted_with_the_most_patience() {
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

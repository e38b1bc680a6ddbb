//! What a stratum connection has agreed on with its miner, and what follows from each request. No
//! I/O: lines go in, bytes to write and steps to take come out.

use std::sync::Arc;

use bytes::BytesMut;
use raftpool_ledger::command::RejectReason;
use raftpool_pow::Algorithm;

use crate::dialect::Next;
use crate::jobs::{Job, Spelling};
use crate::lapses::Lapses;
use crate::limits::{TOO_FAST, TOO_MANY_REQUESTS};
use crate::miner::{Miner, Protocol};
use crate::pipeline::Candidate;
use crate::pool::Pool;
use crate::protocol::{self, Call, Id, Refusal, Request};
use crate::sent_jobs::SentJobs;
use crate::why::Why;

/// Refused authorize requests after which a connection is closed that was never authorized.
const AUTHORIZE_FAILURES_MAX: u32 = 3;

/// One miner's session.
pub(crate) struct Session {
    miner: Arc<Miner>,
    is_subscribed: bool,
    spelling: Spelling,
    /// One marketplace wants `"error":null` in good answers.
    wants_error_null: bool,
    authorize_failures: u32,
    malformed_lines: Lapses,
    /// Before it was authorized.
    early_requests: u32,
    sent: SentJobs,
}

impl Session {
    pub(crate) fn new(miner: Arc<Miner>) -> Self {
        Self {
            miner,
            is_subscribed: false,
            spelling: Spelling::default(),
            wants_error_null: false,
            authorize_failures: 0,
            malformed_lines: Lapses::default(),
            early_requests: 0,
            sent: SentJobs::default(),
        }
    }

    /// Subscribed and authorized: ready for jobs.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_subscribed && self.miner.account.get().is_some()
    }

    /// Handles one line of the miner.
    pub(crate) fn line(&mut self, line: &str, pool: &Pool, out: &mut BytesMut) -> Next {
        if line.trim().is_empty() {
            return Next::Continue;
        }
        if self.miner.account.get().is_none() {
            self.early_requests += 1;
            if self.early_requests > pool.requests_before_authorization_max {
                let message = "too many requests without being authorized";
                self.note(Why::TooMany, message, pool);
                protocol::write_refusal(out, &Id::null(), &Refusal::other(message));
                return Next::Close("chatty");
            }
            if !pool.limits.may_ask(self.miner.visitor.remote.ip()) {
                self.note(Why::TooMany, TOO_MANY_REQUESTS, pool);
                protocol::write_refusal(out, &Id::null(), &Refusal::other(TOO_MANY_REQUESTS));
                return Next::Close(TOO_FAST);
            }
        }
        match protocol::parse(line) {
            Ok(Request { id, call }) => self.request(id, call, pool, out),
            Err(problem) => {
                self.note(Why::Malformed, problem, pool);
                protocol::write_refusal(out, &Id::null(), &Refusal::other(problem));
                if self.malformed_lines.note(pool.malformed_lines_max) {
                    return Next::Close("malformed");
                }
                Next::Continue
            }
        }
    }

    /// Writes the answer to a share.
    pub(crate) fn answer(&self, id: &Id, result: Result<(), Refusal>, out: &mut BytesMut) {
        match result {
            Ok(()) => protocol::write_result(out, id, &true, self.wants_error_null),
            Err(refusal) => protocol::write_refusal(out, id, &refusal),
        }
    }

    /// Writes a job, preceded by its difficulty when that is another one than before.
    pub(crate) fn job(&mut self, job: &Job, pool: &Pool, out: &mut BytesMut) {
        let Some(difficulty) = self.miner.difficulty_for(job) else {
            return;
        };
        let oldest_known = pool.board.oldest_number();
        if self.sent.sent(job.number, difficulty, oldest_known) {
            protocol::write_set_difficulty(out, difficulty);
        }
        out.extend_from_slice(job.frame(self.spelling));
    }

    fn request(&mut self, id: Id, call: Call, pool: &Pool, out: &mut BytesMut) -> Next {
        match call {
            Call::Subscribe { agent, algorithms } => {
                self.subscribe(&id, &agent, algorithms.as_deref(), pool, out);
            }
            Call::Authorize {
                user,
                worker,
                password,
            } => {
                let result = self.authorize(&user, worker.as_deref(), password.as_deref(), pool);
                let refused = result.as_ref().err();
                let closes = refused.and_then(|refusal| self.note_refusal(refusal, pool));
                self.answer(&id, result, out);
                if let Some(reason) = closes {
                    return Next::Close(reason);
                }
            }
            Call::Submit(submission) => {
                let submitted = self.submit(&id, submission, pool);
                if let Err(refusal) = submitted {
                    protocol::write_refusal(out, &id, &refusal);
                }
            }
            Call::Ping => protocol::write_pong(out, &id),
            Call::Ignored => {}
            Call::Harmless if id.is_null() => {}
            Call::Harmless => protocol::write_result(out, &id, &true, self.wants_error_null),
            Call::Unknown(_) if id.is_null() => {}
            Call::Unknown(method) => {
                let refusal = Refusal::other(format!("unknown method `{method}`"));
                protocol::write_refusal(out, &id, &refusal);
            }
        }
        Next::Continue
    }

    /// Notes that something else than authorizing was refused.
    fn note(&self, why: Why, detail: &str, pool: &Pool) {
        let gatekeeper = &pool.authorizer.gatekeeper;
        gatekeeper.note_refused_request(self.miner.visitor.remote, why, detail);
    }

    /// Returns why the connection is closed, when that was one refusal too many. One that works is
    /// not closed for what it asks for besides: all miners of a proxy would go with it.
    fn note_refusal(&mut self, refusal: &Refusal, pool: &Pool) -> Option<&'static str> {
        let gatekeeper = &pool.authorizer.gatekeeper;
        let is_too_often = gatekeeper.note_refusal(self.miner.visitor.remote, refusal);
        if self.miner.account.get().is_some() {
            return None;
        }
        self.authorize_failures += 1;
        let is_too_often = is_too_often || self.authorize_failures >= AUTHORIZE_FAILURES_MAX;
        refusal
            .closes
            .or_else(|| is_too_often.then_some("unauthorized"))
    }

    fn subscribe(
        &mut self,
        id: &Id,
        agent: &str,
        algorithms: Option<&[String]>,
        pool: &Pool,
        out: &mut BytesMut,
    ) {
        let now = pool.board.newest().map(|job| job.template.algorithm);
        match choose_spelling(algorithms, now) {
            Ok(spelling) => self.spelling = spelling,
            Err(problem) => {
                self.note(Why::Algorithm, &problem, pool);
                protocol::write_refusal(out, id, &Refusal::other(&problem));
                protocol::write_print(out, &problem);
                return;
            }
        }
        self.wants_error_null = agent.to_ascii_lowercase().contains("nicehash");
        // A second subscribe on the connection gets the same answer and changes no name.
        let _ = self.miner.agent.set(agent.into());
        self.is_subscribed = true;
        let extra_nonce = hex::encode(self.miner.extra_nonce);
        let session = &extra_nonce[..16];
        let result = (
            session,
            &extra_nonce,
            extra_nonce.len() / 2,
            &pool.miner_key_hex,
        );
        protocol::write_result(out, id, &result, self.wants_error_null);
    }

    fn authorize(
        &self,
        user: &str,
        worker: Option<&str>,
        password: Option<&str>,
        pool: &Pool,
    ) -> Result<(), Refusal> {
        let authorizer = &pool.authorizer;
        if let Some(present) = self.miner.account.get() {
            return authorizer.authorize_again(user, worker, password, &self.miner, present);
        }
        let grant = authorizer.authorize(user, worker, password, &self.miner.visitor)?;
        grant.take_effect(&self.miner, Protocol::Stratum);
        Ok(())
    }

    fn submit(
        &self,
        id: &Id,
        submission: Result<protocol::Submission, &'static str>,
        pool: &Pool,
    ) -> Result<(), Refusal> {
        let answers = &pool.pipeline.judge.answers;
        if !self.is_ready() {
            let message = "subscribe and authorize before sending shares";
            return Err(answers.refusal(&self.miner, RejectReason::Unauthorized, message));
        }
        let submission = submission
            .map_err(|problem| answers.refusal(&self.miner, RejectReason::Malformed, problem))?;
        let job = pool.board.find(submission.job);
        let Some((job, difficulty)) = job.zip(self.sent.difficulty_of(submission.job)) else {
            let dropped = pool.board.heights_late_of_dropped(submission.job);
            return Err(
                match dropped.filter(|_| self.sent.was_sent(submission.job)) {
                    Some(heights_late) => pool.pipeline.judge.too_old(&self.miner, heights_late),
                    None => answers.unknown_job(&self.miner),
                },
            );
        };
        let (nonce, key) = (submission.nonce, pool.pipeline.miner_key);
        let candidate = Candidate {
            id: id.clone(),
            work: job.work(nonce, self.miner.extra_nonce, key),
            job,
            difficulty,
        };
        pool.pipeline.submit(&self.miner, candidate)
    }
}

/// Which spelling of the present algorithm the miner understands. One that named none, or came
/// before the first template, is taken at its word.
pub(crate) fn choose_spelling(
    names: Option<&[String]>,
    now: Option<Algorithm>,
) -> Result<Spelling, String> {
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return Ok(Spelling::default());
    };
    let mut legacy = false;
    for name in names {
        let Ok(algorithm) = name.parse::<Algorithm>() else {
            continue;
        };
        if now.is_some_and(|now| now != algorithm) {
            continue;
        }
        if !name.eq_ignore_ascii_case(algorithm.legacy_name()) {
            return Ok(Spelling::Daemon);
        }
        legacy = true;
    }
    match (legacy, now) {
        (true, _) => Ok(Spelling::Legacy),
        (false, Some(now)) => Err(format!(
            "this pool mines {now}, which the miner did not offer"
        )),
        (false, None) => Err("the miner offered no algorithm of XELIS".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelling(names: &[&str], now: Option<Algorithm>) -> Option<Spelling> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        choose_spelling(Some(&names), now).ok()
    }

    #[test]
    fn algorithm_is_spelled_as_the_miner_does() {
        let v3 = Some(Algorithm::V3);
        assert_eq!(choose_spelling(None, v3), Ok(Spelling::Daemon));
        assert_eq!(spelling(&[], v3), Some(Spelling::Daemon));
        assert_eq!(spelling(&["xel/v3"], v3), Some(Spelling::Daemon));
        assert_eq!(spelling(&["xel/2"], v3), Some(Spelling::Legacy));
        assert_eq!(spelling(&["XEL/2"], v3), Some(Spelling::Legacy));
        assert_eq!(spelling(&["xel/2", "xel/v3"], v3), Some(Spelling::Daemon));
        assert_eq!(
            spelling(&["rx/0", "xel/1", "xel/2"], v3),
            Some(Spelling::Legacy)
        );
        assert_eq!(spelling(&["xel/1"], v3), None, "version 2 only");
        assert_eq!(
            spelling(&["xel/1"], Some(Algorithm::V2)),
            Some(Spelling::Legacy)
        );
        assert_eq!(spelling(&["xel/1"], None), Some(Spelling::Legacy));
        assert_eq!(spelling(&["rx/0"], v3), None);
        assert_eq!(spelling(&["rx/0"], None), None);
    }
}

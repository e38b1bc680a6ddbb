//! Who a miner is, where its shares are booked, and how hard they start.
//!
//! Promise P7, tried by `difficulty_continues_after_a_reconnect`: the difficulty a worker had is
//! read from the replicated state, so that whichever node it comes to starts it right.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use raftpool_chain::{Address, Network};
use raftpool_ledger::cluster::{self, Cluster};
use raftpool_ledger::command::{Scheme, Settings};
use raftpool_ledger::settings::is_offered;
use raftpool_ledger::view::{LedgerView, Worker, scheme_name};
use tokio::time::Instant;

use crate::bans::Bans;
use crate::gatekeeper::{Gatekeeper, Pass};
use crate::listener::Terms;
use crate::miner::{Account, Miner, Protocol, Visitor};
use crate::newcomers::{Entry, Newcomers};
use crate::protocol::Refusal;
use crate::shedding::Shedding;
use crate::standing::Standing;
use crate::strikes::source_of;
use crate::username::{self, Login};
use crate::vardiff::{Aim, Vardiff};
use crate::why::Why;

/// What an authorized miner starts with.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) account: Account,
    pub(crate) vardiff: Vardiff,
    /// `None`: the ledger does not know the worker. 0: it knows no difficulty of it.
    pub(crate) stored_difficulty: Option<u64>,
    pub(crate) pass: Pass,
    pub(crate) standing: Arc<Standing>,
}

impl Grant {
    /// Lets the miner, who has no account yet, work for it.
    pub(crate) fn take_effect(self, miner: &Miner, protocol: Protocol) {
        let _ = miner.protocol.set(protocol);
        miner
            .is_known
            .store(self.stored_difficulty.is_some(), Ordering::Relaxed);
        miner
            .reported_difficulty
            .store(self.stored_difficulty.unwrap_or(0), Ordering::Relaxed);
        *miner.vardiff.lock() = Some(self.vardiff);
        tracing::debug!(
            connection = miner.id, remote = %miner.visitor.remote,
            miner = &*self.account.address, worker = &*self.account.worker,
            stored_difficulty = self.stored_difficulty, "authorized"
        );
        // Only the connection's own task sets them, and once; whoever has an account has a pass.
        let _ = miner.pass.set(self.pass);
        let _ = miner.standing.set(self.standing);
        let _ = miner.account.set(self.account);
    }
}

/// Decides about authorize requests.
pub(crate) struct Authorizer {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) network: Network,
    pub(crate) aim: Aim,
    pub(crate) starting_difficulty: u64,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) bans: Arc<Bans>,
    pub(crate) shedding: Shedding,
    pub(crate) newcomers: Arc<Newcomers>,
}

/// What is known of who asks, before it is decided whether there is work for it.
struct Known {
    login: Login,
    address: Address,
    settings: Settings,
    worker: Option<Worker>,
    pass: Pass,
    standing: Arc<Standing>,
}

impl Authorizer {
    /// # Errors
    /// What the miner is told.
    pub(crate) fn authorize(
        &self,
        user: &str,
        worker: Option<&str>,
        password: Option<&str>,
        visitor: &Visitor,
    ) -> Result<Grant, Refusal> {
        let (login, address) = self.read(user, worker, password)?;
        let named = (address.clone(), login.worker.clone());
        let granted = self.grant(login, address, visitor);
        if let Err(refusal) = &granted {
            let (address, worker) = named;
            let entry = Entry {
                source: source_of(visitor.remote.ip()),
                address: address.as_str(),
                worker: &worker,
            };
            let now_ms = self.bans.now_ms();
            self.newcomers.note_login(entry, refusal, now_ms);
        }
        granted
    }

    fn grant(&self, login: Login, address: Address, visitor: &Visitor) -> Result<Grant, Refusal> {
        let known = self.look_up(login, address, visitor)?;
        let Known {
            login,
            address,
            settings,
            worker,
            pass,
            standing,
        } = known;
        let scheme = choose_scheme(login.scheme, &settings)?;
        if let Some(refusal) = self.shedding.refusal(worker.is_some(), &visitor.ticket) {
            return Err(refusal);
        }
        let stored_difficulty = worker.map(|worker| worker.difficulty);
        Ok(Grant {
            account: Account {
                address: address.as_str().into(),
                worker: login.worker.as_str().into(),
                scheme,
            },
            vardiff: self.start(&login, stored_difficulty, &visitor.terms),
            stored_difficulty,
            pass,
            standing,
        })
    }

    /// Looks at an authorize request of a miner that is authorized already. Some proxies authorize
    /// each of their workers; they share their connection's account, and nothing is granted anew.
    /// So it needs no place, but what would be said in vain is refused.
    ///
    /// # Errors
    /// What the miner is told; its connection goes on as it was.
    pub(crate) fn authorize_again(
        &self,
        user: &str,
        worker: Option<&str>,
        password: Option<&str>,
        miner: &Miner,
        present: &Account,
    ) -> Result<(), Refusal> {
        let (login, address) = self.read(user, worker, password)?;
        if address.as_str() != &*present.address {
            let message = "this connection is authorized for another address";
            return Err(Refusal::unauthorized(message).because(Why::Again));
        }
        let other_terms = |what| {
            let message = format!("this connection has another {what}, connect anew to change it");
            Err(Refusal::unauthorized(message).because(Why::Again))
        };
        if login.scheme.is_some_and(|scheme| scheme != present.scheme) {
            return other_terms("scheme");
        }
        if login.fixed_difficulty.is_some() {
            let wanted = self.start(&login, None, &miner.visitor.terms).difficulty();
            let vardiff = miner.vardiff.lock();
            let is_present =
                |vardiff: &Vardiff| vardiff.is_fixed() && vardiff.difficulty() == wanted;
            if !vardiff.as_ref().is_some_and(is_present) {
                return other_terms("difficulty");
            }
        }
        self.look_up(login, address, &miner.visitor).map(|_| ())
    }

    fn read(
        &self,
        user: &str,
        worker: Option<&str>,
        password: Option<&str>,
    ) -> Result<(Login, Address), Refusal> {
        let login = username::parse(user, worker, password)
            .map_err(|(why, problem)| Refusal::unauthorized(problem).because(why))?;
        let address = Address::parse(&login.address, self.network).map_err(|error| {
            Refusal::unauthorized(format!("invalid address: {error}")).because(Why::Address)
        })?;
        Ok((login, address))
    }

    /// Asks the books who somebody is, and refuses whose token or ban keeps them out.
    fn look_up(&self, login: Login, address: Address, visitor: &Visitor) -> Result<Known, Refusal> {
        // Before the ledger is read, so that a ban is either read there or told to it later.
        let source = source_of(visitor.remote.ip());
        let standing = self.bans.standing(address.as_str(), &login.worker, source);
        let now_ms = self.bans.now_ms();
        let query = cluster::read(&*self.cluster, |state| {
            let view = LedgerView::new(state);
            Ok((
                view.settings()?,
                view.worker(address.as_str(), &login.worker)?,
                view.gate(address.as_str())?,
                view.tokens_changed_index()?,
                view.ban(address.as_str(), &login.worker, now_ms)?,
            ))
        });
        let (settings, worker, gate, tokens_index, ban) = query.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "read a worker's standing"
            );
            Refusal::other("the pool cannot read its books, try again later")
                .because(Why::Unavailable)
        })?;
        let settings = settings.ok_or_else(|| {
            Refusal::other("the pool is not set up yet, try again later").because(Why::Unavailable)
        })?;
        let pass = self.gatekeeper.admit(&login, &gate, tokens_index)?;
        if let Some(refusal) = self.bans.refusal(&standing, ban) {
            return Err(refusal);
        }
        Ok(Known {
            login,
            address,
            settings,
            worker,
            pass,
            standing,
        })
    }

    fn start(&self, login: &Login, stored_difficulty: Option<u64>, terms: &Terms) -> Vardiff {
        let known = stored_difficulty.filter(|difficulty| *difficulty > 0);
        let difficulty = login
            .fixed_difficulty
            .or(known)
            .or(login.starting_difficulty)
            .or(terms.starting_difficulty)
            .unwrap_or(self.starting_difficulty);
        Vardiff::new(
            self.aim,
            difficulty,
            login.fixed_difficulty.is_some(),
            Instant::now(),
        )
    }
}

/// A miner who names no scheme leaves it to the ledger, which knows what is preferred or usual
/// when a share is booked.
fn choose_scheme(wanted: Option<Scheme>, settings: &Settings) -> Result<Scheme, Refusal> {
    let Some(scheme) = wanted else {
        return Ok(Scheme::Unspecified);
    };
    if is_offered(settings, scheme) {
        return Ok(scheme);
    }
    let message = format!("this pool does not offer scheme {}", scheme_name(scheme));
    Err(Refusal::unauthorized(message).because(Why::Scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_the_miners_choice_among_those_offered() {
        let settings = Settings {
            pplns_offered: true,
            solo_offered: false,
            default_scheme: Scheme::Pplns.into(),
            ..Settings::default()
        };
        assert_eq!(choose_scheme(None, &settings), Ok(Scheme::Unspecified));
        assert_eq!(
            choose_scheme(Some(Scheme::Pplns), &settings),
            Ok(Scheme::Pplns)
        );
        let error = choose_scheme(Some(Scheme::Solo), &settings).unwrap_err();
        assert!(
            error.code == 24 && error.message.contains("solo"),
            "{error:?}"
        );
    }
}

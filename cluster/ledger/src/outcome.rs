//! What came of a command: a value, replicated like any other, also when it is a refusal.

/// The result of applying one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A batch of shares was booked.
    SharesCredited {
        /// Shares of the batch that were credited.
        credited: u32,
        /// Shares of the batch that were not, by position, with the reason.
        refused: Vec<(u32, Rejection)>,
    },
    /// The batch had been applied before; nothing changed (promise P2).
    AlreadyCredited,
    /// A found block and its share were booked.
    BlockRecorded,
    /// The block was known; nothing changed.
    BlockAlreadyRecorded,
    /// A block was settled, and its reward handed out as far as one command may.
    BlockSettled,
    /// A part of a settled block was handed out, or all of it had been before.
    BlockDistributed {
        /// Whether every miner has theirs now.
        is_done: bool,
    },
    /// A block was given up.
    BlockOrphaned,
    /// A block that was given up is followed again.
    BlockReopened,
    /// Balances moved to in flight.
    PayoutReserved,
    /// A signed transaction is stored and may now be sent.
    PayoutSigned,
    /// A payout is final.
    PayoutConfirmed,
    /// An unsigned payout was undone.
    PayoutReleased,
    /// Payouts were paused or resumed.
    PayoutsPaused,
    /// What a reconciliation found is booked.
    PayoutsReconciled,
    /// The settings were changed.
    SettingsChanged,
    /// Money was moved between accounts.
    FundsMoved,
    /// A token is known by its hash.
    TokenMade,
    /// A token lets nobody in any more.
    TokenRevoked,
    /// It is set whether an address requires a token.
    TokenRequirementSet,
    /// A worker is banned, at least as long as was asked for.
    WorkerBanned,
    /// A ban is over before its time.
    BanLifted,
    /// A sample of the network's blocks is published, now or before.
    NetworkSamplePublished,
    /// A block that the books do not have is reported, now or before.
    BlockReported,
    /// A reported block was looked at, now or before.
    BlockAcknowledged,
    /// A payout may be signed.
    PayoutApproved,
    /// An unsigned payout was undone and payouts are paused.
    PayoutRejected,
    /// A signed payout that can never execute was ended.
    PayoutAbandoned,
    /// It is set whether an address is paid.
    HoldSet,
    /// A miner's preferences are set.
    PreferencesSet,
    /// An owner has a session.
    OwnerSessionOpened,
    /// An owner's session is over.
    OwnerSessionClosed,
    /// What an owner asked for is changed.
    ChangedByOwner,
    /// Commands up to a version may be used, now or before.
    VersionFinalized,
    /// An entry without a command (a new leader's first entry, a membership change).
    Nothing,
    /// The command was refused; nothing changed.
    Rejected(Rejection),
}

/// Why a command, or one share of a batch, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A field is missing or out of bounds.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The batch comes from a process that was followed by a newer one.
    #[error("batch of epoch {epoch}, but node {node_id} is at epoch {newest}")]
    OldEpoch {
        /// The node.
        node_id: u64,
        /// The batch's epoch.
        epoch: u64,
        /// The newest epoch seen of the node.
        newest: u64,
    },
    /// The batch's sequence lies below the window in which repetitions are recognized.
    #[error("batch {sequence} of node {node_id} is older than the window of known batches")]
    OldSequence {
        /// The node.
        node_id: u64,
        /// The batch's sequence.
        sequence: u64,
    },
    /// The pool has no settings yet.
    #[error("the pool has no settings yet")]
    NoSettings,
    /// The scheme is not offered.
    #[error("scheme {0} is not offered")]
    SchemeNotOffered(&'static str),
    /// The reserve does not bear work of this scheme, and PPLNS is not offered in its place.
    #[error("the reserve that {0} is paid from is used up for now, and PPLNS is not offered")]
    ReserveExhausted(&'static str),
    /// An account does not hold what was to be taken from it.
    #[error("{account} holds {held_atomic}, which is less")]
    InsufficientFunds {
        /// The account.
        account: &'static str,
        /// What it holds.
        held_atomic: u64,
    },
    /// The block is not settled.
    #[error("block {0} is not settled, so that there is nothing to hand out")]
    BlockNotSettled(String),
    /// No such block.
    #[error("block {0} is not recorded")]
    UnknownBlock(String),
    /// The block is settled or orphaned already.
    #[error("block {0} is final already")]
    BlockFinal(String),
    /// No such payout, or it is not the open one.
    #[error("payout {0} is not open")]
    PayoutNotOpen(u64),
    /// Only one payout may be open.
    #[error("payout {0} is still open")]
    PayoutOpen(u64),
    /// The payout id or nonce is not the next one.
    #[error("payout {given} is not the next one, which is {expected}")]
    PayoutOutOfOrder {
        /// What the command says.
        given: u64,
        /// What it would have to be.
        expected: u64,
    },
    /// A payee's balance does not cover the debit.
    #[error("balance of {address} does not cover {debit_atomic}")]
    InsufficientBalance {
        /// The payee.
        address: String,
        /// The debit.
        debit_atomic: u64,
    },
    /// The proposer was no longer leader when the entry was written.
    #[error("proposed in term {proposed}, written in term {written}")]
    Fenced {
        /// The proposer's term.
        proposed: u64,
        /// The entry's term.
        written: u64,
    },
    /// The payout has a signed variant: it may have been sent and cannot be undone.
    #[error("payout {0} has a signed transaction that may have been sent")]
    PayoutSigned(u64),
    /// The transaction is not one of the payout's variants.
    #[error("transaction {0} is not a variant of the payout")]
    UnknownVariant(String),
    /// Payouts are paused.
    #[error("payouts are paused")]
    PayoutsPaused,
    /// The network or the pool's address cannot change.
    #[error("{field} is {current} and cannot be changed to {given}")]
    Fixed {
        /// Which setting.
        field: &'static str,
        /// Its value.
        current: String,
        /// The value asked for.
        given: String,
    },
    /// The address has as many tokens as it may have.
    #[error("the address has {tokens_max} tokens, as many as it may: revoke one first")]
    TooManyTokens {
        /// How many it may have.
        tokens_max: u64,
    },
    /// The address has no such token.
    #[error("the address has no token {0}")]
    UnknownToken(String),
    /// There are as many bans as there may be; for a worker without accepted work the last places
    /// are not to be had.
    #[error("all {places} places for bans are taken: lift some, or wait until some are over")]
    BansFull {
        /// How many places there are for such a worker.
        places: u64,
    },
    /// There is no ban to lift.
    #[error("worker \"{worker}\" of {miner} is not banned")]
    NotBanned {
        /// The miner's address.
        miner: String,
        /// The worker's name.
        worker: String,
    },
    /// The sample does not begin where the one before ends.
    #[error(
        "the sample begins at topoheight {given}, the next one is to begin at {expected}: publish \
         what lies between, or say how many blocks no daemon can show"
    )]
    NetworkSampleGap {
        /// Where the sample begins.
        given: u64,
        /// Where it would have to.
        expected: u64,
    },
    /// The sample covers blocks that another one has covered.
    #[error(
        "the sample begins at topoheight {given}, but everything below {expected} is published: \
         go on from there"
    )]
    NetworkSampleOverlap {
        /// Where the sample begins.
        given: u64,
        /// Where it would have to.
        expected: u64,
    },
    /// There are as many stray blocks as there may be, and nobody has looked at any.
    #[error("all {places} places for stray blocks are taken: acknowledge some")]
    StrayBlocksFull {
        /// How many places there are.
        places: u64,
    },
    /// The block was not given up.
    #[error("block {0} was not given up")]
    BlockNotOrphaned(String),
    /// Nobody knows any more who shares in the block.
    #[error(
        "who shares in block {0} is forgotten, because it is too old or was given up by an older \
         version: what it pays can only be shared by hand"
    )]
    BlockWeightsGone(String),
    /// No such block is reported.
    #[error("no stray block {0} is reported")]
    UnknownStrayBlock(String),
    /// The address has no accepted work, so that nothing is known of it.
    #[error("{0} has no accepted work here: check the address")]
    UnknownMiner(String),
    /// The session is unknown, closed, or has ended.
    #[error("the session is over: prove again that the address is yours")]
    OwnerSessionOver,
    /// The signed text has opened a session before.
    #[error("this text has been used before: ask for another one and sign that")]
    ChallengeUsed,
    /// The address has as many sessions as it may have.
    #[error(
        "the address has opened {sessions_max} sessions, as many as may be at a time: use one of \
         them, or wait until they have ended"
    )]
    TooManyOwnerSessions {
        /// How many it may have.
        sessions_max: u64,
    },
    /// The owner has changed as much as may be on one day.
    #[error("an owner may change {changes_max} things on a day (UTC): wait for the next one")]
    TooManyOwnerChanges {
        /// How many that is.
        changes_max: u64,
    },
    /// The worker has no record.
    #[error("{miner} has no worker \"{worker}\" with a record")]
    UnknownWorker {
        /// The miner's address.
        miner: String,
        /// The worker's name.
        worker: String,
    },
    /// The address is held and hence no payee.
    #[error("{0} is held: leave it out, or end the hold first")]
    AddressHeld(String),
    /// The reservation would take more than a day's payouts may.
    #[error(
        "payouts of a day take {limit_atomic} at most, today's took {taken_atomic} already, which \
         leaves no room for {asked_atomic}: wait for the next day (UTC), or raise the limit"
    )]
    DailyLimit {
        /// What this payout would take.
        asked_atomic: u64,
        /// What the day's payouts took already.
        taken_atomic: u64,
        /// What they may take.
        limit_atomic: u64,
    },
    /// The payout waits for an operator.
    #[error("payout {0} waits for an operator's approval")]
    NotApproved(u64),
    /// The pool's fees do not cover its part of the network fee.
    #[error(
        "the pool's fees are {pool_fees_atomic} and do not cover a fee budget of {asked_atomic}"
    )]
    PoolFeesTooLow {
        /// The budget.
        asked_atomic: u64,
        /// What the pool has.
        pool_fees_atomic: u64,
    },
    /// A finalized version is never lowered.
    #[error("version {finalized} of the commands is finalized and cannot be lowered to {given}")]
    VersionLowered {
        /// What the command says.
        given: u32,
        /// What is finalized.
        finalized: u32,
    },
    /// The command is only for a time when payouts are paused.
    #[error("payouts are not paused: pause them first")]
    PayoutsNotPaused,
    /// The books were restored and may lack payouts that were sent.
    #[error(
        "these books may lack payouts that were sent before they were restored: reconcile them with \
         the chain first (`raftpool payout reconcile`)"
    )]
    PayoutsNotReconciled,
}

//! What is combined: when the leader dies, what else goes wrong, and when that begins.

use std::fmt;

use raftpool_payout::PayoutPoint;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// When the leader ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// At a point of its own.
    At(PayoutPoint),
    /// The wallet has built the transaction, and the answer is on its way.
    InsideBuild,
    /// The daemon has taken the transaction, and the answer is on its way.
    InsideSend,
}

impl Death {
    pub const ALL: [Self; 14] = [
        Self::At(PayoutPoint::BeforeSettle),
        Self::At(PayoutPoint::AfterSettle),
        Self::At(PayoutPoint::BeforeReserve),
        Self::At(PayoutPoint::AfterReserve),
        Self::At(PayoutPoint::BeforeBuild),
        Self::InsideBuild,
        Self::At(PayoutPoint::AfterBuild),
        Self::At(PayoutPoint::BeforeSign),
        Self::At(PayoutPoint::AfterSign),
        Self::At(PayoutPoint::BeforeSend),
        Self::InsideSend,
        Self::At(PayoutPoint::AfterSend),
        Self::At(PayoutPoint::BeforeConfirm),
        Self::At(PayoutPoint::AfterConfirm),
    ];
}

/// What else goes wrong, and comes right by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// The wallet builds, and does not answer in time.
    WalletTimesOut,
    /// The mempool is lost after it took the transaction.
    MempoolLost,
    /// The daemon refuses the next sendings with this error (protocol facts, section 6.3).
    Refused(&'static str),
    /// The transaction is executed, then the chain is rewound, and it waits again.
    ReorderKeeps,
    /// The transaction is executed, then the chain is rewound, and nobody has it any more.
    ReorderDrops,
    /// The daemon is behind its peers, and shows an old chain.
    Unsynced,
    /// The old leader does not die: it stands still, and goes on when another one leads.
    TwoLeaders,
}

impl Trouble {
    const ALL: [Self; 15] = [
        Self::None,
        Self::WalletTimesOut,
        Self::MempoolLost,
        Self::Refused("TX_ALREADY_IN_BLOCKCHAIN"),
        Self::Refused("TX_ALREADY_IN_MEMPOOL"),
        Self::Refused("TX_NONCE_ALREADY_USED"),
        Self::Refused("INVALID_TX_NONCE_MEMPOOL_CACHE"),
        Self::Refused("INVALID_NONCE"),
        Self::Refused("INVALID_REFERENCE_BLOCK_HEIGHT"),
        Self::Refused("INVALID_TX_VERSION"),
        Self::Refused("INVALID_TX_FEE"),
        Self::ReorderKeeps,
        Self::ReorderDrops,
        Self::Unsynced,
        Self::TwoLeaders,
    ];
}

/// When the trouble begins. The old leader of two goes on at once when another one leads, or only
/// when that one has brought everything to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    FromTheBeginning,
    AfterTheDeath,
}

impl When {
    pub const ALL: [Self; 2] = [Self::FromTheBeginning, Self::AfterTheDeath];
}

#[derive(Debug, Clone, Copy)]
pub struct Combination {
    pub death: Death,
    pub trouble: Trouble,
    pub when: When,
}

/// Every combination, those of one death together.
pub fn combinations() -> Vec<Combination> {
    let mut all = Vec::new();
    for death in Death::ALL {
        for trouble in Trouble::ALL {
            for when in When::ALL {
                // Nothing begins at no particular time.
                if trouble != Trouble::None || when == When::FromTheBeginning {
                    all.push(Combination {
                        death,
                        trouble,
                        when,
                    });
                }
            }
        }
    }
    all
}

/// As many combinations as there are troubles: each trouble once, and each death at least once.
pub fn sample(random: &mut StdRng) -> Vec<Combination> {
    let mut deaths = Death::ALL.to_vec();
    deaths.push(Death::ALL[random.random_range(0..Death::ALL.len())]);
    deaths.shuffle(random);
    let drawn = Trouble::ALL.into_iter().zip(deaths);
    let mut drawn: Vec<_> = drawn
        .map(|(trouble, death)| Combination {
            death,
            trouble,
            when: match trouble {
                Trouble::None => When::FromTheBeginning,
                _ => When::ALL[random.random_range(0..When::ALL.len())],
            },
        })
        .collect();
    drawn.shuffle(random);
    drawn
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(point) => point.fmt(f),
            Self::InsideBuild => f.write_str("inside-build"),
            Self::InsideSend => f.write_str("inside-send"),
        }
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.death)?;
        let trouble = match self.trouble {
            Trouble::None => return f.write_str("nothing else"),
            Trouble::WalletTimesOut => "wallet times out",
            Trouble::MempoolLost => "mempool lost",
            Trouble::Refused(kind) => kind,
            Trouble::ReorderKeeps => "reorder keeps",
            Trouble::ReorderDrops => "reorder drops",
            Trouble::Unsynced => "unsynced daemon",
            Trouble::TwoLeaders => "two leaders",
        };
        let when = match self.when {
            When::FromTheBeginning => "from the beginning",
            When::AfterTheDeath => "after the death",
        };
        write!(f, "{trouble}, {when}")
    }
}

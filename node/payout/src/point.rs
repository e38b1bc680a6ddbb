//! Names for the moments right before and after everything others can see us do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Called at every [`PayoutPoint`]; tests end the process in it, to prove that any moment will do.
pub type StepHook = Arc<dyn Fn(PayoutPoint) + Send + Sync>;

/// The name is not one of [`PayoutPoint::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step of a payout; the steps are {all}", all = PayoutPoint::names())]
pub struct UnknownPoint(String);

macro_rules! points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A moment in the life of a block or a payout.
        ///
        /// "After" means that the call has come back, with whatever answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PayoutPoint {
            $($(#[$doc])* $variant,)*
        }

        impl PayoutPoint {
            /// Every point, in the order a payout and then a block meets them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in kebab case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

points! {
    /// A reservation is about to be proposed.
    BeforeReserve = "before-reserve",
    /// The proposal of a reservation came back.
    AfterReserve = "after-reserve",
    /// The wallet is about to be asked for a transaction.
    BeforeBuild = "before-build",
    /// The wallet answered.
    AfterBuild = "after-build",
    /// The signed bytes are about to be proposed.
    BeforeSign = "before-sign",
    /// The proposal of the signed bytes came back.
    AfterSign = "after-sign",
    /// Stored bytes are about to be sent to the daemons.
    BeforeSend = "before-send",
    /// The daemons answered, or did not.
    AfterSend = "after-send",
    /// The confirmation is about to be proposed.
    BeforeConfirm = "before-confirm",
    /// The proposal of the confirmation came back.
    AfterConfirm = "after-confirm",
    /// The release of an unsigned payout is about to be proposed.
    BeforeRelease = "before-release",
    /// The proposal of the release came back.
    AfterRelease = "after-release",
    /// A stop of all payouts is about to be proposed.
    BeforePause = "before-pause",
    /// The proposal of the stop came back.
    AfterPause = "after-pause",
    /// The settlement of a block is about to be proposed.
    BeforeSettle = "before-settle",
    /// The proposal of the settlement came back.
    AfterSettle = "after-settle",
    /// A further part of a settled block is about to be handed out.
    BeforeHandOut = "before-hand-out",
    /// The proposal of it came back.
    AfterHandOut = "after-hand-out",
    /// Giving up a block is about to be proposed.
    BeforeOrphan = "before-orphan",
    /// The proposal to give up a block came back.
    AfterOrphan = "after-orphan",
    /// A stray block is about to be reported.
    BeforeReport = "before-report",
    /// The proposal of the report came back.
    AfterReport = "after-report",
    /// A block that was given up is about to be taken up again.
    BeforeReopen = "before-reopen",
    /// The proposal of that came back.
    AfterReopen = "after-reopen",
    /// A sample of the network's blocks is about to be proposed.
    BeforeSample = "before-sample",
    /// The proposal of the sample came back.
    AfterSample = "after-sample",
}

impl PayoutPoint {
    fn names() -> String {
        Self::ALL
            .iter()
            .map(|point| point.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl fmt::Display for PayoutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PayoutPoint {
    type Err = UnknownPoint;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|point| point.as_str() == name);
        found.copied().ok_or_else(|| UnknownPoint(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_parses_from_its_own_name_and_nothing_else_does() {
        for &point in PayoutPoint::ALL {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        let error = "before-lunch"
            .parse::<PayoutPoint>()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("before-lunch") && error.contains("after-send"),
            "{error}"
        );
    }
}

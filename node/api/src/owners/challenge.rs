//! The text that an owner signs. It has one form, and is at most 255 bytes long, which is all that a
//! wallet can sign.

/// Bytes of the number that is used once.
pub(super) const NONCE_BYTES: usize = 16;
/// How long a text is good after it was made.
pub(super) const GOOD_FOR_MS: u64 = 600_000;
/// How far the clock of the node that made a text may be ahead of this one's.
const AHEAD_MS_MAX: u64 = 60_000;

/// What a text says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) miner: String,
    pub(super) pool_address: String,
    pub(super) made_at_ms: u64,
    pub(super) nonce: [u8; NONCE_BYTES],
}

impl Challenge {
    pub(super) fn text(&self) -> String {
        let Self {
            miner,
            pool_address,
            made_at_ms,
            nonce,
        } = self;
        let nonce = hex::encode(nonce);
        format!(
            "Raftpool sign-in for {miner} at the pool of {pool_address}, time {made_at_ms}, nonce {nonce}"
        )
    }

    /// Reads a text, which must be exactly what [`Challenge::text`] writes.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        const NOT_OURS: &str = "the text is not one that this pool makes: sign it as it was given";
        let read = || {
            let rest = text.strip_prefix("Raftpool sign-in for ")?;
            let (miner, rest) = rest.split_once(" at the pool of ")?;
            let (pool_address, rest) = rest.split_once(", time ")?;
            let (made_at_ms, digits) = rest.split_once(", nonce ")?;
            let mut nonce = [0; NONCE_BYTES];
            hex::decode_to_slice(digits, &mut nonce).ok()?;
            Some(Self {
                miner: miner.to_owned(),
                pool_address: pool_address.to_owned(),
                made_at_ms: made_at_ms.parse().ok()?,
                nonce,
            })
        };
        let challenge = read().ok_or(NOT_OURS)?;
        match challenge.text() == text {
            true => Ok(challenge),
            false => Err(NOT_OURS),
        }
    }

    /// Whether it is for this miner and this pool, and still good.
    pub(super) fn check(
        &self,
        miner: &str,
        pool_address: &str,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        if self.miner != miner {
            return Err("the text is for another address");
        }
        if self.pool_address != pool_address {
            return Err("the text is for another pool");
        }
        if self.made_at_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
            return Err("the text was made later than now: ask for another one");
        }
        if now_ms.saturating_sub(self.made_at_ms) >= GOOD_FOR_MS {
            return Err("the text is older than ten minutes: ask for another one and sign that");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        Challenge {
            miner: "xel:a".into(),
            pool_address: "xel:p".into(),
            made_at_ms: 5_000_000,
            nonce: [0xab; NONCE_BYTES],
        }
    }

    #[test]
    fn a_text_says_what_it_was_made_of_and_has_one_form() {
        let text = challenge().text();
        assert_eq!(Challenge::read(&text), Ok(challenge()));
        let others = [
            text.to_uppercase(),
            text.replace("abab", "ABAB"),
            text.replace("5000000", "05000000"),
            text.replace("5000000", "+5000000"),
            format!("{text} "),
            text.replace("xel:a", "xel:a at the pool of xel:q"),
            String::new(),
        ];
        for other in others {
            let read = Challenge::read(&other);
            let is_other = read.as_ref().is_ok_and(|read| *read != challenge());
            assert!(read.is_err() || is_other, "{other}");
        }
    }

    #[test]
    fn a_text_is_good_for_its_miner_its_pool_and_its_time() {
        let challenge = challenge();
        let check = |now_ms| challenge.check("xel:a", "xel:p", now_ms);
        assert_eq!(check(5_000_000), Ok(()));
        assert_eq!(check(5_599_999), Ok(()));
        assert!(check(5_600_000).is_err());
        assert_eq!(check(4_940_000), Ok(()));
        assert!(check(4_939_999).is_err());
        assert!(challenge.check("xel:b", "xel:p", 5_000_000).is_err());
        assert!(challenge.check("xel:a", "xel:q", 5_000_000).is_err());
    }

    #[test]
    fn the_longest_addresses_leave_a_text_that_a_wallet_can_sign() {
        let longest = Challenge {
            miner: "x".repeat(63),
            pool_address: "x".repeat(63),
            made_at_ms: 9_999_999_999_999,
            nonce: [0; NONCE_BYTES],
        };
        assert!(longest.text().len() <= 255, "{}", longest.text().len());
    }
}

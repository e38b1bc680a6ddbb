//! How many connections there may be, in all and from one IP address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts open connections.
pub(crate) struct ConnectionLimits {
    in_all: usize,
    per_ip: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    in_all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// Why a connection is not taken; also the label of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    TooMany,
    TooManyOfAddress,
}

impl Refused {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::TooManyOfAddress => "too_many_of_address",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::TooMany => "this node has as many connections as it may, use another one",
            Self::TooManyOfAddress => "too many connections from this IP address",
        }
    }
}

/// The place of one open connection, given back when it is dropped.
pub(crate) struct Place {
    limits: Arc<ConnectionLimits>,
    /// `None`: a proxy has not said yet whom it brings.
    ip: Option<IpAddr>,
}

impl ConnectionLimits {
    pub(crate) fn new(in_all: usize, per_ip: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all,
            per_ip,
            open: Mutex::new(Open::default()),
        })
    }

    /// Admits somebody who is not known yet.
    ///
    /// # Errors
    /// When there are too many in all.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Place, Refused> {
        let mut open = self.open.lock();
        if open.in_all >= self.in_all {
            return Err(Refused::TooMany);
        }
        open.in_all += 1;
        Ok(Place {
            limits: self.clone(),
            ip: None,
        })
    }

    /// Admits somebody from a known address.
    ///
    /// # Errors
    /// When there are too many in all, or of the same address.
    pub(crate) fn admit_from(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Refused> {
        let mut place = self.admit()?;
        place.claim(ip)?;
        Ok(place)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.lock().in_all
    }
}

impl Place {
    /// Whose place it is; only the first call counts.
    ///
    /// # Errors
    /// When there are too many of the same address.
    pub(crate) fn claim(&mut self, ip: IpAddr) -> Result<(), Refused> {
        if self.ip.is_some() {
            return Ok(());
        }
        // The same host must not count twice for reaching a dual-stack socket both ways.
        let ip = ip.to_canonical();
        let mut open = self.limits.open.lock();
        let of_ip = open.by_ip.entry(ip).or_default();
        if *of_ip >= self.limits.per_ip {
            return Err(Refused::TooManyOfAddress);
        }
        *of_ip += 1;
        self.ip = Some(ip);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock();
        open.in_all -= 1;
        let Some(ip) = &self.ip else {
            return;
        };
        if let Some(of_ip) = open.by_ip.get_mut(ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                open.by_ip.remove(ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(limits: &Arc<ConnectionLimits>, ip: &str) -> Result<Place, Refused> {
        limits.admit_from(ip.parse().unwrap())
    }

    #[test]
    fn places_are_limited_in_all_and_per_address_and_given_back() {
        let limits = ConnectionLimits::new(3, 2);
        let first = admit(&limits, "127.0.0.1").ok().unwrap();
        let _second = admit(&limits, "::ffff:127.0.0.1").ok().unwrap();
        let refused = admit(&limits, "127.0.0.1").err();
        assert_eq!(refused, Some(Refused::TooManyOfAddress));
        let _third = admit(&limits, "127.0.0.2").ok().unwrap();
        assert_eq!(admit(&limits, "127.0.0.3").err(), Some(Refused::TooMany));
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(admit(&limits, "127.0.0.1").is_ok());
    }

    #[test]
    fn a_place_is_counted_once_for_the_first_who_claims_it() {
        let limits = ConnectionLimits::new(9, 1);
        let mut place = admit(&limits, "10.0.0.1").ok().unwrap();
        assert!(place.claim([10, 0, 0, 2].into()).is_ok());
        assert!(admit(&limits, "10.0.0.2").is_ok());
        assert!(admit(&limits, "10.0.0.1").is_err());
    }
}

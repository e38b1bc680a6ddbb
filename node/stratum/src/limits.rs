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
    ip: IpAddr,
}

impl ConnectionLimits {
    pub(crate) fn new(in_all: usize, per_ip: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all,
            per_ip,
            open: Mutex::new(Open::default()),
        })
    }

    /// # Errors
    /// When one of the limits is reached.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Refused> {
        // The same host must not count twice for reaching a dual-stack socket both ways.
        let ip = ip.to_canonical();
        let mut open = self.open.lock();
        if open.in_all >= self.in_all {
            return Err(Refused::TooMany);
        }
        let of_ip = open.by_ip.entry(ip).or_default();
        if *of_ip >= self.per_ip {
            return Err(Refused::TooManyOfAddress);
        }
        *of_ip += 1;
        open.in_all += 1;
        Ok(Place {
            limits: self.clone(),
            ip,
        })
    }

    pub(crate) fn open(&self) -> usize {
        self.open.lock().in_all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock();
        open.in_all -= 1;
        if let Some(of_ip) = open.by_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                open.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_per_address_and_given_back() {
        let limits = ConnectionLimits::new(3, 2);
        let [a, b, c] = [1, 2, 3].map(|last| IpAddr::from([127, 0, 0, last]));
        let first = limits.admit(a).ok().unwrap();
        let _second = limits
            .admit("::ffff:127.0.0.1".parse().unwrap())
            .ok()
            .unwrap();
        assert_eq!(limits.admit(a).err(), Some(Refused::TooManyOfAddress));
        let _third = limits.admit(b).ok().unwrap();
        assert_eq!(limits.admit(c).err(), Some(Refused::TooMany));
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(limits.admit(a).is_ok());
    }
}

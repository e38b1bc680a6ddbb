//! Places, rates, and who makes room.

use super::*;
use crate::strikes::Patience;

fn limits(change: impl FnOnce(&mut StratumConfig)) -> Arc<ConnectionLimits> {
    let mut config = StratumConfig::new(Vec::new());
    change(&mut config);
    let strikes = Arc::new(Strikes::new(Patience::of(&config.bans)));
    let shed = prometheus::Opts::new("shed", "of a test");
    let shed = IntCounterVec::new(shed, &["reason"]).unwrap();
    ConnectionLimits::new(&config, strikes, shed)
}

fn admit(limits: &Arc<ConnectionLimits>, ip: &str) -> Result<Place, Refused> {
    limits.admit_from(ip.parse().unwrap())
}

#[test]
fn places_are_limited_in_all_and_per_address_and_given_back() {
    let limits = limits(|config| {
        (config.connections_max, config.connections_per_ip_max) = (3, 2);
    });
    let first = admit(&limits, "127.0.0.1").ok().unwrap();
    let _second = admit(&limits, "::ffff:127.0.0.1").ok().unwrap();
    let refused = admit(&limits, "127.0.0.1").err();
    assert_eq!(refused, Some(Refused::AddressFull));
    let third = admit(&limits, "127.0.0.2").ok().unwrap();
    for place in [&first, &_second, &third] {
        place.ticket().note_work();
    }
    assert_eq!(admit(&limits, "127.0.0.3").err(), Some(Refused::NodeFull));
    drop(first);
    assert_eq!(limits.open(), 2);
    assert!(admit(&limits, "127.0.0.1").is_ok());
}

#[test]
fn a_network_counts_as_a_whole() {
    let limits = limits(|config| config.connections_per_network_max = 2);
    let first = admit(&limits, "198.51.100.1").ok().unwrap();
    let _second = admit(&limits, "198.51.100.2").ok().unwrap();
    let refused = admit(&limits, "198.51.100.3").err();
    assert_eq!(refused, Some(Refused::NetworkFull));
    assert!(admit(&limits, "198.51.101.3").is_ok());
    drop(first);
    assert!(admit(&limits, "198.51.100.3").is_ok());

    let _first = admit(&limits, "2001:db8::1").ok().unwrap();
    let _second = admit(&limits, "2001:db8::2:1").ok().unwrap();
    let refused = admit(&limits, "2001:db8::ffff:ffff:1").err();
    assert_eq!(refused, Some(Refused::NetworkFull));
    assert!(admit(&limits, "2001:db8:0:1::1").is_ok());
}

#[test]
fn whoever_comes_again_and_again_is_slowed_down_and_others_are_not() {
    let limits = limits(|config| {
        config.connections_per_ip_max = 3;
        config.connects_per_minute_per_ip_max = 1;
    });
    // All at once, as after a fail-over.
    let all: Vec<_> = (0..3).map(|_| admit(&limits, "203.0.113.1")).collect();
    assert!(all.iter().all(Result::is_ok));
    drop(all);
    assert_eq!(admit(&limits, "203.0.113.1").err(), Some(Refused::TooFast));
    assert_eq!(limits.open(), 0, "a refused connection holds no place");
    assert!(admit(&limits, "203.0.113.2").is_ok());
}

#[test]
fn requests_without_authorization_are_limited_by_address_and_by_network() {
    let limits = limits(|config| {
        config.connections_per_ip_max = 2;
        config.connections_per_network_max = 5;
        config.connects_per_minute_per_ip_max = 1;
    });
    let asked = |ip: &str| {
        let ip = ip.parse().unwrap();
        (0..100).take_while(|_| limits.may_ask(ip)).count()
    };
    assert_eq!(asked("198.51.100.1"), 8);
    assert_eq!(asked("198.51.100.2"), 8);
    assert_eq!(asked("198.51.100.3"), 4, "the rest of the network");
    assert_eq!(asked("198.51.101.3"), 8);
    assert_eq!(asked("2001:db8::1"), 8);
    assert_eq!(asked("2001:db8::2:1"), 8);
    assert_eq!(asked("2001:db8::3:1"), 4, "the rest of the /64");
    assert_eq!(asked("2001:db8:0:1::1"), 8);
}

#[test]
fn a_place_is_counted_once_for_the_first_who_claims_it() {
    let limits = limits(|config| config.connections_per_ip_max = 1);
    let mut place = admit(&limits, "10.0.0.1").ok().unwrap();
    assert!(place.claim([10, 0, 0, 2].into()).is_ok());
    assert!(admit(&limits, "10.0.0.2").is_ok());
    assert!(admit(&limits, "10.0.0.1").is_err());
}

fn is_dismissed(place: &Place) -> bool {
    use futures_util::FutureExt;
    place.ticket().dismissal.wait().now_or_never().is_some()
}

fn evicted(limits: &Arc<ConnectionLimits>, rank: Rank) -> u64 {
    limits.shed.with_label_values(&[rank.label()]).get()
}

#[test]
fn who_has_shown_least_for_longest_makes_room() {
    let limits = limits(|config| {
        (config.connections_max, config.reserve_for_known_percent) = (4, 0);
    });
    let come = || admit(&limits, "127.0.0.1").ok().unwrap();
    let mut places = [come(), come(), come(), come()];
    assert!(places[0].ticket().settle(true) && places[1].ticket().settle(false));
    places[2].ticket().note_work();
    // The stranger goes as long as there is one, again and again.
    for _ in 0..3 {
        let next = come();
        assert!(is_dismissed(&places[3]));
        places[3] = next;
    }
    assert_eq!(evicted(&limits, Rank::Stranger), 3);
    assert_eq!(limits.open(), 4, "whoever leaves holds no place");
    // Without one, new workers before known ones, and never one that works.
    assert!(places[3].ticket().settle(false));
    let stranger = come();
    assert!(is_dismissed(&places[1]) && !is_dismissed(&places[3]));
    assert!(stranger.ticket().settle(true));
    let stranger = come();
    assert!(is_dismissed(&places[3]));
    stranger.ticket().note_work();
    let stranger = come();
    assert!(is_dismissed(&places[0]), "the oldest of the known ones");
    stranger.ticket().note_work();
    assert_eq!(
        (evicted(&limits, Rank::New), evicted(&limits, Rank::Known)),
        (2, 1)
    );
    assert!(!is_dismissed(&places[2]));
    drop(places);
    assert_eq!(limits.open(), 3);
    let open = limits.open.lock();
    assert_eq!((open.places.leaving(), open.by_ip.len()), (0, 1));
}

#[test]
fn the_last_places_are_kept_for_known_workers_and_strangers_do_not_count_as_new_ones() {
    let limits = limits(|config| {
        (config.connections_max, config.reserve_for_known_percent) = (10, 50);
    });
    let all: Vec<_> = (0..10)
        .map(|_| admit(&limits, "127.0.0.1").ok().unwrap())
        .collect();
    let settled = all.iter().take_while(|place| place.ticket().settle(false));
    assert_eq!(settled.count(), 5);
    assert!(all[6].ticket().settle(true));
}

#[test]
fn nobody_makes_room_for_one_who_is_not_taken() {
    let limits = limits(|config| {
        (config.connections_max, config.connections_per_ip_max) = (2, 1);
    });
    let first = admit(&limits, "127.0.0.1").ok().unwrap();
    let _second = admit(&limits, "127.0.0.2").ok().unwrap();
    let refused = admit(&limits, "127.0.0.2").err();
    assert_eq!(refused, Some(Refused::AddressFull));
    assert!(!is_dismissed(&first));
    assert!(admit(&limits, "127.0.0.3").is_ok() && is_dismissed(&first));
}

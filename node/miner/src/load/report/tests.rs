use std::time::Duration;

use super::*;
use crate::load::tally::record;

fn report(fill: impl FnOnce(&mut Tally)) -> LoadReport {
    let config = LoadConfig {
        connections: 4,
        rate: Rate::PerSecond(10.0),
        ..LoadConfig::new(vec!["127.0.0.1:1".parse().unwrap()], "xet:a".into())
    };
    let mut tally = Tally::default();
    fill(&mut tally);
    let delay = Quantiles {
        count: 4,
        p99_ms: 7.0,
        max_ms: 9.0,
        ..Quantiles::default()
    };
    let job = |number, miners| JobReport {
        pool: "127.0.0.1:1".into(),
        number,
        miners,
        delay,
    };
    LoadReport::new(Measured {
        config: &config,
        tally,
        jobs: vec![job(2, 1), job(3, 4)],
        connecting: Duration::from_secs(1),
        measured: Duration::from_secs(2),
        connected: 4,
        connected_at_end: 3,
        costs: [Cost::default(); 3],
        cores: 2,
    })
}

fn refused(code: i64) -> Verdict {
    Verdict::Refused {
        code: Some(code),
        words: "no".into(),
    }
}

#[test]
fn an_answer_counts_as_expected_only_if_its_kind_should_get_it() {
    let took = Duration::from_millis(5);
    let report = report(|tally| {
        for (kind, verdict) in [
            (Kind::Valid, Verdict::Accepted),
            (Kind::Valid, refused(21)),
            (Kind::Stale, refused(21)),
            (Kind::Stale, refused(22)),
            (Kind::Low, Verdict::Accepted),
            (Kind::Low, refused(23)),
        ] {
            *tally.sent.entry(kind).or_default() += 1;
            tally.answered(kind, verdict, took);
        }
    });
    assert_eq!(report.unexpected(), 3);
    assert_eq!((report.accepted(), report.accepted_per_second), (2, 1.0));
    assert_eq!(report.shares[&Kind::Stale].unexpected, 1);
    assert!((4.9..5.1).contains(&report.latency.p50_ms));
    assert!(report.warnings.iter().any(|one| one.contains("3 answers")));
    let text = report.to_string();
    assert!(text.contains("21 no  <- unexpected"), "{text}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<LoadReport>(&json).unwrap(), report);
}

#[test]
fn a_job_that_only_some_got_says_nothing_about_the_last() {
    let fan_out = report(|_| {}).fan_out;
    assert_eq!(
        (fan_out.jobs, fan_out.p99_ms, fan_out.last_ms),
        (1, 7.0, 9.0)
    );
}

#[test]
fn a_load_that_is_late_by_itself_says_so() {
    let late = |lag_ms, latency_ms| {
        report(|tally| {
            record(&mut tally.lag, Duration::from_millis(lag_ms));
            record(&mut tally.accepted, Duration::from_millis(latency_ms));
        })
        .own
        .is_bottleneck
    };
    assert!(!late(1, 2), "a timer is as late as this");
    assert!(late(50, 60));
    assert!(!late(50, 5_000), "the pool was far slower");
}

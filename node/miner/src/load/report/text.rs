//! The report as people read it.

use std::fmt::{self, Display, Formatter};

use super::{LoadReport, Quantiles};

/// Reasons shown, the most frequent first.
const REASONS_MAX: usize = 12;

impl Display for LoadReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "connections  {} of {} in {:.1} s, {} at the end",
            self.connected, self.connections, self.connecting_s, self.connected_at_end
        )?;
        times(f, "to the first job", &self.connects)?;
        times(f, "reconnects", &self.reconnects)?;
        reasons(f, "not connected", &self.connect_failures)?;
        reasons(f, "disconnected", &self.disconnects)?;
        self.write_shares(f)?;
        self.write_jobs(f)?;
        self.write_own(f)?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

impl LoadReport {
    fn write_shares(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.shares.is_empty() {
            return Ok(());
        }
        let asked = self.asked_per_second;
        let asked = asked.map_or("as many as possible".into(), |rate| format!("{rate:.0}"));
        writeln!(
            f,
            "shares       {:.0} accepted per second over {:.1} s, {asked} were asked for",
            self.accepted_per_second, self.measured_s
        )?;
        writeln!(
            f,
            "  {:<10} {:>10} {:>10} {:>10} {:>10} {:>10}",
            "", "sent", "accepted", "refused", "unexpected", "unanswered"
        )?;
        for (kind, shares) in &self.shares {
            writeln!(
                f,
                "  {:<10} {:>10} {:>10} {:>10} {:>10} {:>10}",
                kind.name(),
                shares.sent,
                shares.accepted,
                shares.refused,
                shares.unexpected,
                shares.unanswered
            )?;
        }
        for refusal in &self.refusals {
            let code = refusal
                .code
                .map(|code| format!("{code} "))
                .unwrap_or_default();
            let mark = if refusal.is_expected {
                ""
            } else {
                "  <- unexpected"
            };
            writeln!(
                f,
                "  {:<10} {:>10}  {code}{}{mark}",
                refusal.kind.name(),
                refusal.count,
                refusal.words
            )?;
        }
        times(f, "accepted after", &self.latency)?;
        times(f, "refused after", &self.refusal_latency)
    }

    fn write_jobs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fan_out = &self.fan_out;
        writeln!(
            f,
            "jobs         {} received; {} reached at least half of the miners",
            self.jobs_received, fan_out.jobs
        )?;
        if fan_out.jobs == 0 {
            return Ok(());
        }
        writeln!(
            f,
            "  from the first miner  p50 {:.1} ms, p99 {:.1} ms, last {:.1} ms (medians), \
             longest {:.1} ms",
            fan_out.p50_ms, fan_out.p99_ms, fan_out.last_ms, fan_out.worst_last_ms
        )
    }

    fn write_own(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let own = &self.own;
        writeln!(
            f,
            "the load     {:.2} of {} cores ({:.1} s in all, {:.1} s waiting for one), {:.1} KiB \
             for each miner, {:.0} MiB in all",
            own.cores_used,
            own.cores,
            own.cpu_s,
            own.waited_for_core_s,
            own.memory_per_connection_bytes as f64 / 1_024.0,
            own.memory_bytes as f64 / 1_048_576.0
        )?;
        writeln!(
            f,
            "  messages a second     {:.0} in, {:.0} out",
            self.messages_in_per_second, self.messages_out_per_second
        )?;
        times(f, "own delay", &own.lag)
    }
}

fn times(f: &mut Formatter<'_>, what: &str, times: &Quantiles) -> fmt::Result {
    if times.count == 0 {
        return Ok(());
    }
    writeln!(
        f,
        "  {what:<21} p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms",
        times.p50_ms, times.p90_ms, times.p99_ms, times.p999_ms, times.max_ms
    )
}

fn reasons(
    f: &mut Formatter<'_>,
    what: &str,
    reasons: &std::collections::BTreeMap<String, u64>,
) -> fmt::Result {
    let mut sorted: Vec<_> = reasons.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in sorted.iter().take(REASONS_MAX) {
        writeln!(f, "  {what:<13} {count:>7}  {reason}")?;
    }
    match sorted.len().checked_sub(REASONS_MAX) {
        Some(more) if more > 0 => writeln!(f, "  and {more} more reasons"),
        _ => Ok(()),
    }
}

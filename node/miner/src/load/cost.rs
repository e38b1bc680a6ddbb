//! What this process costs itself, so that a report can say whether the pool or the load was slow.

use std::time::Duration;

/// What the system says about this process at one moment; all 0 where it says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Time its threads had a core.
    pub(super) cpu: Duration,
    /// Time its threads could have run but had none.
    pub(super) waited: Duration,
    /// Memory it has.
    pub(super) resident_bytes: u64,
}

/// A page of memory; on machines with larger ones the memory is shown too small.
const PAGE_BYTES: u64 = 4_096;

impl Cost {
    /// Asks the system.
    pub(super) fn now() -> Self {
        let mut cost = Self::default();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        cost.resident_bytes = PAGE_BYTES.saturating_mul(number(&statm, 1));
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
        for thread in threads.flatten() {
            let path = thread.path().join("schedstat");
            let times = std::fs::read_to_string(path).unwrap_or_default();
            cost.cpu += Duration::from_nanos(number(&times, 0));
            cost.waited += Duration::from_nanos(number(&times, 1));
        }
        cost
    }
}

fn number(text: &str, index: usize) -> u64 {
    let field = text.split_whitespace().nth(index);
    field.and_then(|field| field.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_time_and_memory() {
        let before = Cost::now();
        let mut kept = vec![1_u8; 8 << 20];
        for round in 0..20_u8 {
            kept.iter_mut()
                .for_each(|byte| *byte = byte.wrapping_mul(3) ^ round);
        }
        let after = Cost::now();
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
        let grown = after.resident_bytes.saturating_sub(before.resident_bytes);
        assert!(grown >= 4 << 20, "{grown} {}", kept[17]);
    }
}

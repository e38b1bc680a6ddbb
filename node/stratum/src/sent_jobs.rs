//! Which jobs a stratum connection was sent, and how hard their shares are.

use std::collections::VecDeque;

/// Which difficulty each job was sent with, on one connection. One entry per change, not per job.
#[derive(Debug, Default)]
pub(crate) struct SentJobs {
    /// Number of the first job sent with a difficulty, oldest first.
    changes: VecDeque<(u64, u64)>,
    /// `None` before the first.
    oldest: Option<u64>,
    newest: u64,
}

impl SentJobs {
    /// Notes that a job was sent; returns whether its difficulty is news to the miner.
    pub(crate) fn sent(&mut self, job: u64, difficulty: u64, oldest_known: u64) -> bool {
        self.oldest = self.oldest.or(Some(job));
        self.newest = job;
        // The last change before the oldest known job still holds for that job.
        while self
            .changes
            .get(1)
            .is_some_and(|(first, _)| *first <= oldest_known)
        {
            self.changes.pop_front();
        }
        let is_news = self
            .changes
            .back()
            .is_none_or(|(_, last)| *last != difficulty);
        if is_news {
            self.changes.push_back((job, difficulty));
        }
        is_news
    }

    /// Whether the connection was sent the job, however long ago.
    pub(crate) fn was_sent(&self, job: u64) -> bool {
        let oldest = self.oldest.unwrap_or(u64::MAX);
        (oldest..=self.newest).contains(&job)
    }

    /// The difficulty of a job, when the connection can know the job.
    pub(crate) fn difficulty_of(&self, job: u64) -> Option<u64> {
        let change = self.changes.iter().rev().find(|(first, _)| *first <= job);
        change
            .filter(|_| job <= self.newest)
            .map(|(_, difficulty)| *difficulty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_the_difficulty_it_was_sent_with() {
        let mut sent = SentJobs::default();
        assert_eq!(sent.difficulty_of(5), None);
        assert!(sent.sent(5, 100, 1));
        assert!(!sent.sent(6, 100, 1));
        assert!(
            sent.sent(9, 400, 1),
            "jobs 7 and 8 were skipped by a slow reader"
        );
        assert_eq!(
            sent.difficulty_of(4),
            None,
            "sent before this connection had a job"
        );
        assert_eq!(sent.difficulty_of(5), Some(100));
        assert_eq!(sent.difficulty_of(8), Some(100));
        assert_eq!(sent.difficulty_of(9), Some(400));
        assert_eq!(sent.difficulty_of(10), None, "not sent yet");
    }

    #[test]
    fn changes_before_the_oldest_known_job_are_forgotten() {
        let mut sent = SentJobs::default();
        for job in 1..=1_000 {
            sent.sent(job, job, job.saturating_sub(10));
        }
        assert!(sent.changes.len() <= 12, "{}", sent.changes.len());
        assert_eq!(sent.difficulty_of(990), Some(990));
        assert!(sent.was_sent(1) && sent.was_sent(1_000));
        assert!(!sent.was_sent(0) && !sent.was_sent(1_001));
        assert!(!SentJobs::default().was_sent(0));
    }
}

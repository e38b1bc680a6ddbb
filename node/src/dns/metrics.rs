//! What became of questions.

use prometheus::{IntCounterVec, Opts, Registry};

/// Counts of questions by what they got.
#[derive(Clone)]
pub(super) struct Metrics {
    questions: IntCounterVec,
}

/// What a question got. The label set is closed: names that are asked for never become labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// An answer, positive or not.
    Answer,
    /// The advice to come over TCP.
    Truncated,
    /// Nothing: its source asks too often, too many connections are open, or it deserves none.
    Nothing,
}

impl Metrics {
    /// Registers the counts.
    ///
    /// # Errors
    /// When their name is taken.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let name = "raftpool_dns_questions_total";
        let help = "Questions for the pool's name, by how they came and what they got.";
        let questions = IntCounterVec::new(Opts::new(name, help), &["transport", "result"])?;
        registry.register(Box::new(questions.clone()))?;
        Ok(Self { questions })
    }

    pub(super) fn count(&self, transport: &str, got: Got) {
        let result = match got {
            Got::Answer => "answer",
            Got::Truncated => "truncated",
            Got::Nothing => "nothing",
        };
        self.questions.with_label_values(&[transport, result]).inc();
    }
}

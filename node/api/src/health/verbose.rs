//! Conditions as lines of text, in the form that Kubernetes has for them.

use std::fmt::Write;

use crate::facts::Condition;

/// One line for each condition, and one for all of them.
pub(super) fn lines(name: &str, conditions: &[Condition]) -> String {
    let mut text = String::new();
    for Condition { name, met, detail } in conditions {
        // Writing to a string cannot fail.
        let _ = match met {
            true => writeln!(text, "[+]{name} ok"),
            false => writeln!(text, "[-]{name} failed: {}", one_line(detail)),
        };
    }
    let verdict = match conditions.iter().all(|condition| condition.met) {
        true => "passed",
        false => "failed",
    };
    let _ = writeln!(text, "{name} check {verdict}");
    text
}

/// Details may quote what a daemon said.
fn one_line(detail: &str) -> String {
    detail.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_a_line_and_only_failures_say_why() {
        let conditions = [
            Condition::new("leader_known", true, "node 2 leads"),
            Condition::new("template_fresh", false, "61 s\nold"),
        ];
        assert_eq!(
            lines("readyz", &conditions),
            "[+]leader_known ok\n[-]template_fresh failed: 61 s old\nreadyz check failed\n"
        );
        assert_eq!(
            lines("readyz", &conditions[..1]),
            "[+]leader_known ok\nreadyz check passed\n"
        );
    }
}

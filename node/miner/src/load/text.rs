//! Words of others, made fit to be counted and shown.

/// Longest text kept, in characters.
const CHARS_MAX: usize = 120;

/// The text with every number as one `#`, without what could drive a terminal, and cut: two
/// messages that differ in an age or a difficulty are the same reason.
pub(super) fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    let mut was_digit = false;
    for c in text.chars().filter(|c| !c.is_control()).take(CHARS_MAX) {
        match c.is_ascii_digit() {
            true if was_digit => {}
            true => words.push('#'),
            false => words.push(c),
        }
        was_digit = c.is_ascii_digit();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_numbers_are_one() {
        let words = "stale share: its job is # heights old, at most # are accepted";
        for (age, grace) in [(4, 3), (120, 8)] {
            let text =
                format!("stale share: its job is {age} heights old, at most {grace} are accepted");
            assert_eq!(without_numbers(&text), words);
        }
        assert_eq!(without_numbers("\x1b[2J"), "[#J");
    }
}

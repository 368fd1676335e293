//! Findings in words.

use labnet::escape::escape;

use crate::finding::{Finding, Proof};

impl Finding {
    /// What was found, and what shows it: sentences for a student, with text of programs escaped.
    pub fn sentence(&self) -> String {
        format!("{} {}", self.id.diagnosis().words, proof(&self.proof))
    }
}

/// `65,536`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The name of a signal of Linux, in parentheses.
fn signal_name(number: i32) -> &'static str {
    match number {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (kill)",
        11 => " (segmentation fault)",
        15 => " (terminate)",
        _ => "",
    }
}

/// A sentence on what shows a finding.
fn proof(proof: &Proof) -> String {
    let text =
        |label: &str, text: &Option<String>| text.as_ref().map(|text| format!("{label} `{}`", escape(text.trim_end())));
    let seen = match (proof.seen, proof.of) {
        (Some(seen), Some(of)) => Some(format!("{} of {} shown", number(seen), number(of))),
        (Some(seen), None) => Some(number(seen)),
        (None, of) => of.map(|of| format!("none of {}", number(of))),
    };
    let packets = match proof.packets.as_slice() {
        [] => None,
        [one] => Some(format!("packet {one}")),
        some => Some(format!("packets {}", list(&some.iter().map(ToString::to_string).collect::<Vec<_>>()))),
    };
    let facts = [
        proof.status.map(|status| format!("status {status}")),
        proof.signal.map(|number| format!("signal {number}{}", signal_name(number))),
        text("it said", &proof.complaint),
        proof.sent.as_ref().map(|sent| format!("sent: `{}`", escape(sent))),
        text("shown:", &proof.shown),
        text("expected:", &proof.expected),
        seen,
        proof.time.map(|time| format!("{:.2} s", time.as_secs_f64())),
        packets,
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let experiment = proof.experiment.name();
    if facts.is_empty() {
        format!("Seen in {experiment}.")
    } else {
        format!("Seen in {experiment}: {}.", facts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!([0, 999, 1000, 65_536, 1_234_567].map(number), ["0", "999", "1,000", "65,536", "1,234,567"]);
    }

    #[test]
    fn a_list_ends_with_and() {
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}

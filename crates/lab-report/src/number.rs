//! Numbers as they are read.

/// `65536` as `65,536`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 packet`, `1,024 packets`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `4.2 s`, `3 min 12 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round();
    format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 65_536, 1_234_567].map(grouped), ["0", "999", "1,000", "65,536", "1,234,567"]);
        assert_eq!([0, 1, 1024].map(|number| counted(number, "packet")), ["0 packets", "1 packet", "1,024 packets"]);
        assert_eq!([0.04, 59.94, 60.0, 192.4].map(duration), ["0.0 s", "59.9 s", "1 min 0 s", "3 min 12 s"]);
    }
}

//! Numbers, lists, times and quotations as text.

use std::time::Duration;

pub(crate) use lab_diagnosis::words::{list, number};

/// `1 packet`, `46 packets`, `no packets`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    match n {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        _ => format!("{} {thing}s", number(n)),
    }
}

/// `once`, `twice`, `10 times`.
pub(crate) fn times(n: u64) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", number(n)),
    }
}

/// A sum as text: `18 + 163`, `9 × 18 + 19`. Three or more equal terms in a row become a product.
pub(crate) fn sum(numbers: &[u64]) -> String {
    let terms = numbers.chunk_by(|a, b| a == b).flat_map(|equal| match equal {
        [first, _, _, ..] => vec![format!("{} × {}", number(equal.len() as u64), number(*first))],
        few => few.iter().map(|&n| number(n)).collect(),
    });
    terms.collect::<Vec<_>>().join(" + ")
}

/// The output of a program, in quotation marks.
pub(crate) fn quote(text: &str) -> String {
    format!("“{text}”")
}

/// The text with the number `port` replaced by `PORT`: the system chooses another port in each run.
pub(crate) fn without_port(text: &str, port: u16) -> String {
    let port = port.to_string();
    let is_digit = |byte: Option<char>| byte.is_some_and(|byte| byte.is_ascii_digit());
    let mut masked = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&port) {
        let is_longer = is_digit(before.chars().next_back()) || is_digit(after.chars().next());
        masked.push_str(before);
        masked.push_str(if is_longer { &port } else { "PORT" });
        rest = after;
    }
    masked + rest
}

/// The text with a capital first letter: `two` becomes `Two`.
pub(crate) fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// `4.2 s`, `3 min 12 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round();
    format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0)
}

/// `40.2 ms`.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!([0, 1, 46].map(|n| count(n, "packet")), ["no packets", "1 packet", "46 packets"]);
        assert_eq!([1, 2, 3].map(times), ["once", "twice", "3 times"]);
        assert_eq!([0.04, 59.94, 60.0, 192.4].map(duration), ["0.0 s", "59.9 s", "1 min 0 s", "3 min 12 s"]);
    }

    #[test]
    fn equal_terms_of_a_sum_are_a_product() {
        assert_eq!(sum(&[18, 163]), "18 + 163");
        assert_eq!(sum(&[18, 18, 5]), "18 + 18 + 5");
        assert_eq!(sum(&[1448, 1448, 1448, 376]), "3 × 1,448 + 376");
    }

    #[test]
    fn a_port_is_hidden_where_it_is_a_number_of_its_own() {
        assert_eq!(without_port("from 127.0.0.1:4000, not 40001", 4000), "from 127.0.0.1:PORT, not 40001");
        assert_eq!(without_port("14000", 4000), "14000");
    }
}

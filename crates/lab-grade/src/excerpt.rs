//! The place where two texts begin to differ, with invisible characters made visible.

use labnet::escape::escape;

/// The characters that are shown around a difference (ours).
const AROUND: usize = 60;

/// What was expected and what came, at the first line that differs; `None` if no line does. White space at the ends of
/// lines, and empty lines, do not count.
pub(crate) fn of_lines(expected: &[String], got: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = got.lines().filter(|line| !line.trim().is_empty()).collect();
    let at = (0..expected.len().max(lines.len()))
        .find(|&at| expected.get(at).map(String::as_str) != lines.get(at).map(|line| line.trim()))?;
    let show = |line: Option<&str>, nothing: &str| match line {
        Some(line) => format!("line {}: {}", at + 1, shortened(&format!("{line}\n"))),
        None => nothing.to_owned(),
    };
    let last = format!("no line {} (the output has {})", at + 1, lines.len());
    Some((show(expected.get(at).map(String::as_str), "no further line"), show(lines.get(at).copied(), &last)))
}

/// The same of two texts, at the first byte that differs.
pub(crate) fn of_text(expected: &str, got: &str) -> Option<(String, String)> {
    let (one, other) = (expected.trim_end(), got.trim_end());
    if one == other {
        return None;
    }
    let same = one.char_indices().zip(other.chars()).take_while(|((_, one), other)| one == other);
    let at = same.last().map_or(0, |((at, character), _)| at + character.len_utf8());
    let show = |text: &str| {
        let rest: String = text.get(at..).unwrap_or_default().chars().take(AROUND).collect();
        let rest = if rest.is_empty() { "the end".to_owned() } else { escape(&rest).to_string() };
        format!("at byte {at} of {}: {rest}", text.len())
    };
    Some((show(one), show(other)))
}

/// The beginning of a text on one line.
pub(crate) fn shortened(text: &str) -> String {
    let begin: String = text.chars().take(2 * AROUND).collect();
    let more = if begin.len() < text.len() { "…" } else { "" };
    format!("{}{more}", escape(&begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown_with_its_end() {
        let expected: Vec<String> = ["one", "two"].map(str::to_owned).into();
        assert_eq!(of_lines(&expected, "one \r\n\ntwo\n"), None);
        let (wanted, came) = of_lines(&expected, "one\nt\two\n").unwrap();
        assert_eq!((wanted.as_str(), came.as_str()), ("line 2: two\\n", "line 2: t\\two\\n"));
        let (wanted, came) = of_lines(&expected, "one\n").unwrap();
        assert_eq!((wanted.as_str(), came.as_str()), ("line 2: two\\n", "no line 2 (the output has 1)"));
        let (wanted, came) = of_lines(&expected, "one\ntwo\nthree\n").unwrap();
        assert_eq!((wanted.as_str(), came.as_str()), ("no further line", "line 3: three\\n"));
    }

    #[test]
    fn the_first_byte_that_differs_is_shown() {
        assert_eq!(of_text("a\n", "a"), None);
        let (wanted, came) = of_text("älter\nnew", "äl").unwrap();
        assert_eq!((wanted.as_str(), came.as_str()), ("at byte 3 of 10: ter\\nnew", "at byte 3 of 3: the end"));
    }
}

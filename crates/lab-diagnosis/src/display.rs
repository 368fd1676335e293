//! What a program showed of messages or of a text, compared with what it was sent.
//!
//! Answers count messages by it, findings name what is wrong with it: one reader of output for both.

use std::ops::Range;

use lab_testbed::facts::SentMessages;
use labnet::pmu::PREFIX;

use crate::finding::FindingId;

/// A message in the output of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number.
    pub number: u64,
    /// The number of its line, from 0.
    pub line: usize,
}

/// The output of a program for an answer of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Display {
    /// The messages, in the order of the output.
    pub messages: Vec<Message>,
    /// What is wrong with it, each with the line that shows it.
    pub oddities: Vec<(FindingId, String)>,
}

/// The message with a number, as text.
fn message(number: u64) -> String {
    format!("{}{number}", prefix())
}

fn numbers(sent: SentMessages) -> Range<u64> {
    sent.first..sent.first.saturating_add(sent.count)
}

impl Display {
    /// Reads an output of messages.
    pub fn of_messages(output: &str, sent: SentMessages) -> Self {
        if let Some(display) = split(output, sent) {
            return display;
        }
        let mut display = Self::default();
        let lines: Vec<&str> = output.lines().map(str::trim).collect();
        let found: Vec<Vec<(usize, u64, usize)>> = lines.iter().map(|line| occurrences(line)).collect();
        for (at, (line, found)) in lines.iter().zip(&found).enumerate() {
            display.messages.extend(found.iter().map(|&(_, number, _)| Message { number, line: at }));
            if found.is_empty() && !line.is_empty() && !is_representation(line) {
                display.note(FindingId::ExtraLines, line);
            }
            if found.len() > 1 {
                display.note(FindingId::JoinedLines, line);
            }
        }
        if let Some(line) = lines.iter().find(|line| is_representation(line)) {
            display.note(FindingId::Representation, line);
        } else {
            // Text beside a message that stands alone in its line.
            let alone = lines.iter().zip(&found).filter(|(_, found)| found.len() == 1);
            let beside = alone.filter(|(line, found)| found.iter().any(|&(from, _, to)| from > 0 || to < line.len()));
            if let Some((line, _)) = beside.into_iter().next() {
                display.note(FindingId::Prefix, line);
            }
        }
        display.count(sent);
        display
    }

    /// The numbers of the messages.
    pub fn numbers(&self) -> Vec<u64> {
        self.messages.iter().map(|message| message.number).collect()
    }

    fn note(&mut self, id: FindingId, line: &str) {
        if !self.oddities.iter().any(|(known, _)| *known == id) {
            self.oddities.push((id, line.to_owned()));
        }
    }

    /// Compares the numbers with those that were sent. Nothing is said where nothing was shown.
    fn count(&mut self, sent: SentMessages) {
        if self.messages.is_empty() {
            return;
        }
        let shown = self.numbers();
        let times = |number: u64| shown.iter().filter(|&&shown| shown == number).count();
        if let Some(missing) = numbers(sent).find(|&number| times(number) == 0) {
            self.note(FindingId::MissingMessages, &message(missing));
        }
        if let Some(&doubled) = shown.iter().find(|&&number| times(number) > 1) {
            self.note(FindingId::DoubledMessages, &message(doubled));
        }
    }
}

/// An output that is the stream itself, with line ends in it: right, or cut in the wrong places.
fn split(output: &str, sent: SentMessages) -> Option<Display> {
    let pieces: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    // A cut may fall on a space, which a line does not show at its end.
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    let messages: Vec<String> = numbers(sent).map(|number| squeeze(&message(number))).collect();
    let squeezed: Vec<String> = pieces.iter().map(|piece| squeeze(piece)).collect();
    if pieces.is_empty() || squeezed.concat() != messages.concat() {
        return None;
    }
    let ends = |parts: &[String]| -> Vec<usize> {
        let mut end = 0;
        let mut add = |part: &String| {
            end += part.len();
            end
        };
        parts.iter().map(&mut add).collect()
    };
    let (message_ends, piece_ends) = (ends(&messages), ends(&squeezed));
    let mut display = Display::default();
    for (number, end) in numbers(sent).zip(&message_ends) {
        let line = piece_ends.iter().position(|piece_end| piece_end >= end).unwrap_or_default();
        display.messages.push(Message { number, line });
    }
    let text = messages.concat();
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let mut begin = 0;
    for (piece, end) in pieces.iter().zip(&piece_ends) {
        if !message_ends.contains(end) {
            let in_number = is_digit(end.wrapping_sub(1)) && is_digit(*end);
            display.note(if in_number { FindingId::NumberCut } else { FindingId::NewlinePerRecv }, piece);
        }
        if message_ends.iter().filter(|&message_end| (begin + 1..=*end).contains(message_end)).count() > 1 {
            display.note(FindingId::JoinedLines, piece);
        }
        begin = *end;
    }
    if let Some(piece) = fixed_size(&pieces).filter(|_| !display.oddities.is_empty()) {
        display.oddities = vec![(FindingId::FixedSizeRecv, piece.to_owned())];
    }
    Some(display)
}

/// The last full piece, if all pieces but the last have one length.
fn fixed_size<'a>(pieces: &[&'a str]) -> Option<&'a str> {
    let (last, full) = pieces.split_last()?;
    let first = full.first()?;
    let is_fixed = full.len() >= 2 && full.iter().all(|piece| piece.len() == first.len()) && last.len() < first.len();
    is_fixed.then(|| full.last().copied()).flatten()
}

/// What the output of a large text has in place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextDisplay {
    /// The text, with at most white space at its end.
    Whole,
    /// The text, with other text before it or behind, in its lines.
    WithOtherText,
    /// The text, and other lines before it or behind.
    WithOtherLines,
    /// The text, with line ends inserted.
    WithLineEnds,
    /// The text, cut wherever it reads like the begin of a message.
    CutLikeMessages,
    /// A representation of its bytes.
    Representation,
    /// The text with replacement characters.
    WithReplacements,
    /// Its beginning: so many bytes.
    Beginning(u64),
    /// Nothing of it.
    Nothing,
    /// Something else.
    Other,
}

impl TextDisplay {
    /// Compares the output with the text.
    pub fn of(output: &str, text: &str) -> Self {
        let (shown, expected) = (output.trim_end(), text.trim_end());
        let flat = |text: &str| text.split_whitespace().collect::<String>();
        if shown == expected {
            return Self::Whole;
        }
        if let Some((before, behind)) = shown.split_once(expected) {
            let is_apart =
                (before.is_empty() || before.ends_with('\n')) && (behind.is_empty() || behind.starts_with('\n'));
            return if is_apart { Self::WithOtherLines } else { Self::WithOtherText };
        }
        if shown.trim().is_empty() {
            return Self::Nothing;
        }
        let (flat_shown, flat_expected) = (flat(shown), flat(expected));
        if flat_shown == flat_expected {
            return if uncut(shown) == uncut(expected) { Self::CutLikeMessages } else { Self::WithLineEnds };
        }
        if shown.lines().any(is_representation) || is_representation(shown) {
            return Self::Representation;
        }
        if shown.contains(char::REPLACEMENT_CHARACTER) && !text.contains(char::REPLACEMENT_CHARACTER) {
            return Self::WithReplacements;
        }
        if flat_expected.starts_with(&flat_shown) {
            return Self::Beginning(shown.len() as u64);
        }
        // Whether as much as a line of the text was shown.
        let lines = expected.lines().map(str::trim).filter(|line| line.len() > 8);
        if lines.take(200).any(|line| shown.contains(line)) { Self::Other } else { Self::Nothing }
    }
}

/// The text without line ends before what reads like the begin of a message.
fn uncut(text: &str) -> String {
    const BEGIN: &str = "This";
    text.split(BEGIN).map(|piece| piece.trim_end_matches('\n')).collect::<Vec<_>>().join(BEGIN)
}

fn prefix() -> &'static str {
    str::from_utf8(PREFIX).unwrap_or_default()
}

/// Where messages are in a line: the begin, the number, the end.
fn occurrences(line: &str) -> Vec<(usize, u64, usize)> {
    let begins = line.match_indices(prefix());
    let message = |(begin, text): (usize, &str)| {
        let digits = begin + text.len();
        let rest = line.get(digits..)?;
        let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest.get(..len)?.parse().ok()?;
        Some((begin, number, digits + len))
    };
    begins.filter_map(message).collect()
}

/// Whether a line shows bytes or a quoted string, as languages show them to programmers.
pub(crate) fn is_representation(line: &str) -> bool {
    let line = line.trim();
    let quoted = |open: &str, close: char| {
        line.find(open).is_some_and(|at| line.get(at + open.len()..).is_some_and(|rest| rest.contains(close)))
    };
    let is_list = |open: char, close: char| {
        let inner = line.split_once(open).and_then(|(_, rest)| rest.rsplit_once(close)).map(|(inner, _)| inner);
        let is_number = |word: &str| word.trim().parse::<i16>().is_ok();
        inner.is_some_and(|inner| {
            let words: Vec<&str> = inner.split([',', ' ']).filter(|word| !word.is_empty()).collect();
            words.len() > 3 && words.iter().all(|word| is_number(word))
        })
    };
    quoted("b'", '\'')
        || quoted("b\"", '"')
        || line.contains("<Buffer ")
        || (line.starts_with("b'") || line.starts_with("b\""))
        || is_list('[', ']')
        || is_list('{', '}')
        || (line.starts_with('\'') && line.ends_with('\'') && line.contains(prefix()))
        || (line.starts_with('"') && line.ends_with('"') && line.contains(prefix()))
        || line.starts_with("[B@")
}

#[cfg(test)]
mod tests {
    use super::{FindingId::*, *};

    const TEN: SentMessages = SentMessages { first: 1, count: 10 };

    #[track_caller]
    fn check(output: &str, numbers: &[u64], ids: &[FindingId]) {
        let display = Display::of_messages(output, TEN);
        assert_eq!(display.numbers(), numbers, "{output}");
        assert_eq!(display.oddities.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids, "{output}");
    }

    fn each(line: impl Fn(u64) -> String) -> String {
        (1..=10).map(|n| line(n) + "\n").collect()
    }

    const ALL: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    #[test]
    fn a_line_for_each_message_is_right() {
        check(&each(|n| format!("This is PMU data {n}")), &ALL, &[]);
        check(&each(|n| format!("This is PMU data {n} \r\n")), &ALL, &[]);
    }

    #[test]
    fn text_beside_a_message_is_a_prefix_and_a_line_without_one_is_extra() {
        check(&each(|n| format!("Received: This is PMU data {n}")), &ALL, &[Prefix]);
        check(&each(|n| format!("{n}. This is PMU data {n} (18 bytes)")), &ALL, &[Prefix]);
        check(&format!("connected\n{}", each(|n| format!("This is PMU data {n}"))), &ALL, &[ExtraLines]);
    }

    #[test]
    fn bytes_that_are_shown_to_programmers_are_a_representation() {
        check(&each(|n| format!("b'This is PMU data {n}'")), &ALL, &[Representation]);
        check(&each(|n| format!("got b\"This is PMU data {n}\"")), &ALL, &[Representation]);
        check("<Buffer 54 68 69 73>\n", &[], &[Representation]);
        check("[84, 104, 105, 115]\n", &[], &[Representation]);
    }

    #[test]
    fn a_wrong_cut_is_named_by_its_place() {
        let stream: String = (1..=10).map(|n| format!("This is PMU data {n}")).collect();
        check(&stream, &ALL, &[JoinedLines]);
        let (first, rest) = stream.split_at(18);
        check(&format!("{first}\n{rest}\n"), &ALL, &[JoinedLines]);
        let eighteen: Vec<&str> = (0..11).map(|i| stream.get(i * 18..(i * 18 + 18).min(181)).unwrap()).collect();
        check(&eighteen.join("\n"), &ALL, &[FixedSizeRecv]);
        let seventeen: Vec<&str> = (0..11).map(|i| stream.get(i * 17..(i * 17 + 17).min(181)).unwrap()).collect();
        check(&seventeen.join("\n"), &ALL, &[FixedSizeRecv]);
        let (most, digit) = stream.split_at(180);
        check(&format!("{most}\n{digit}\n"), &ALL, &[NumberCut, JoinedLines]);
        let nine: String = (1..=9).map(|n| format!("This is PMU data {n}\n")).collect();
        check(&format!("{nine}This is PM\nU data 10\n"), &ALL, &[NewlinePerRecv]);
    }

    #[test]
    fn missing_and_doubled_numbers_are_named() {
        check("This is PMU data 1\nThis is PMU data 3\n", &[1, 3], &[MissingMessages]);
        let all = each(|n| format!("This is PMU data {n}"));
        check(&format!("This is PMU data 1\n{all}"), &[&[1][..], &ALL].concat(), &[DoubledMessages]);
        check("", &[], &[]);
    }

    #[test]
    fn a_text_that_is_cut_before_this_went_through_a_parser_of_messages() {
        let text = "All of this\nand This line\nThis is the last";
        let cut = "All of this\nand \nThis line\n\nThis is the last";
        assert_eq!(TextDisplay::of(cut, text), TextDisplay::CutLikeMessages);
    }

    #[test]
    fn a_text_is_whole_or_it_is_said_what_it_is() {
        let text = "First line of text\nSecond line of text\nThe last line\n";
        for (output, expected) in [
            (text.to_owned(), TextDisplay::Whole),
            (format!("{text}\n\n"), TextDisplay::Whole),
            (format!("received: {text}"), TextDisplay::WithOtherText),
            (format!("received:\n{text}bye\n"), TextDisplay::WithOtherLines),
            ("First line of text\nSecond li\nne of text\nThe last line\n".to_owned(), TextDisplay::WithLineEnds),
            ("First line of text\nSecond line of text\n\nThe last line".to_owned(), TextDisplay::WithLineEnds),
            ("b'First line of text\\nSecond'\n".to_owned(), TextDisplay::Representation),
            ("First line \u{fffd}\u{fffd}f text".to_owned(), TextDisplay::WithReplacements),
            ("First line of text\nSecond".to_owned(), TextDisplay::Beginning(25)),
            (String::new(), TextDisplay::Nothing),
            ("no message\n".to_owned(), TextDisplay::Nothing),
            ("Second line of text\n".to_owned(), TextDisplay::Other),
        ] {
            assert_eq!(TextDisplay::of(&output, text), expected, "{output}");
        }
    }
}

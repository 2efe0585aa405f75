//! Text for people: numbers, colours, and lines that fit a terminal of 80 columns.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use volc_proto::ecs::ImageId;

/// Everything on standard output fits into this many columns, but for an ID that is longer by itself.
pub(crate) const WIDTH: usize = 80;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DOUBT: Style = AnsiColor::Yellow.on_default().bold();

/// `4,000`.
pub(crate) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 image`, `4,000 images`.
pub(crate) fn images(count: usize) -> String {
    counted(count, "image")
}

/// `1 request`, `40 requests`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A paragraph, its first line after `first` and the others after as many blanks.
pub(crate) fn paragraph(out: &mut dyn Write, first: &str, text: &str) -> io::Result<()> {
    let blanks = " ".repeat(first.chars().count());
    for line in textwrap::wrap(&printable(text), between_words().initial_indent(first).subsequent_indent(&blanks)) {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The text, with line ends between words where it is too wide.
pub(crate) fn wrapped(text: &str) -> String {
    textwrap::fill(text, between_words())
}

/// A region or an ID stays in one piece.
fn between_words() -> textwrap::Options<'static> {
    textwrap::Options::new(WIDTH).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// IDs in as many columns as fit.
pub(crate) fn ids(out: &mut dyn Write, ids: &[ImageId]) -> io::Result<()> {
    columns(out, ids.iter().map(ToString::to_string))
}

/// Words in as many columns as fit.
pub(crate) fn columns(out: &mut dyn Write, words: impl Iterator<Item = String>) -> io::Result<()> {
    let words: Vec<_> = words.collect();
    let widest = words.iter().map(String::len).max().unwrap_or(0);
    for row in words.chunks(((WIDTH - 2) / (widest + 2)).max(1)) {
        let row: String = row.iter().map(|word| format!("  {word:widest$}")).collect();
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

/// A word as a shell takes it.
pub(crate) fn shell(word: impl fmt::Display) -> String {
    let text = word.to_string();
    let plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "/._-+:@%\\".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// What another side wrote, without characters that move a terminal's cursor, change its colour, end a line or turn the
/// direction of what follows.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_side_wrote_steers_no_terminal() {
        assert_eq!(printable("a\u{1b}[2J\u{202e}b\u{2028}c\u{2066}镜像"), "a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}镜像");
    }

    #[test]
    fn digits_stand_in_threes() {
        let shown = [0, 999, 1_000, 4_000, 1_234_567].map(number);
        assert_eq!(shown, ["0", "999", "1,000", "4,000", "1,234,567"]);
        assert_eq!(images(1), "1 image");
    }

    #[test]
    fn a_paragraph_keeps_to_the_width_and_to_its_indent() {
        let mut out = Vec::new();
        paragraph(&mut out, "  to do: ", &"word ".repeat(40)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("         word")), "{text}");
    }

    #[test]
    fn a_wide_text_is_broken_between_words() {
        let text = format!("{} cn-beijing-and-more and on", "x".repeat(70));
        assert_eq!(wrapped(&text), format!("{}\ncn-beijing-and-more and on", "x".repeat(70)));
    }

    #[test]
    fn a_path_with_a_blank_is_one_word() {
        assert_eq!(shell("/a/b-1.jsonl"), "/a/b-1.jsonl");
        assert_eq!(shell("/a/it's b"), r"'/a/it'\''s b'");
    }

    #[test]
    fn nothing_of_another_side_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
    }
}

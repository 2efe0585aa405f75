//! Text of another side, made fit to be shown: short, on one line, without secrets.

use std::borrow::Cow;
use std::fmt;

/// As long as an image ID may be; codes, request IDs and actions are shorter.
pub(crate) const MAX_NAME: usize = 128;

/// The beginning of a text, of at most so many bytes.
pub(crate) fn clipped(text: &str, bytes: usize) -> &str {
    let end = (0..=text.len().min(bytes)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

/// Text of another side, fit for one line of a terminal or a log.
pub(crate) fn printable(text: &str) -> impl fmt::Display {
    struct Printable<'a>(&'a str);

    impl fmt::Display for Printable<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.chars().try_for_each(|c| if is_plain(c) { write!(f, "{c}") } else { write!(f, "{}", c.escape_default()) })
        }
    }

    Printable(text)
}

/// Whether a character neither controls a terminal, nor ends a line, nor turns the direction of what follows.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A code, a request ID, the name of an action.
pub(crate) fn name(text: &str) -> String {
    /// A signature's length. Request IDs of ECS have 34 characters, those in errors of Ark 53.
    const SECRET: usize = 64;
    without_secrets(text, MAX_NAME, SECRET)
}

/// An error's message.
pub(crate) fn message(text: &str) -> String {
    /// More than anybody reads.
    const BYTES: usize = 1_024;
    without_secrets(text, BYTES, LONG_WORD)
}

/// What can be told of a body that nobody can read.
pub(crate) fn excerpt(body: &[u8]) -> String {
    const BYTES: usize = 256;
    let body = body.trim_ascii();
    // With one byte more than is read, a longer body is seen to be longer.
    let text = String::from_utf8_lossy(&body[..body.len().min(READ_ON * BYTES + 1)]);
    printable(&without_secrets(&text, BYTES, LONG_WORD)).to_string()
}

/// How much more is read than is shown, so that no secret is cut short enough to be taken for a word.
const READ_ON: usize = 8;

/// Words of a message or a page are shorter, and so are request IDs of 34 characters.
const LONG_WORD: usize = 40;

/// The first bytes of the text, without key IDs and without words of so many bytes and more: a page that repeats our request
/// has the signature and the session token in it.
fn without_secrets(text: &str, bytes: usize, long_word: usize) -> String {
    let read = clipped(text, READ_ON * bytes);
    let whole = if read.len() == text.len() { read } else { without_cut_word(read) };
    let without_ids = without_key_ids(whole);
    let shown = without_long_words(&without_ids, long_word);
    match whole.len() == read.len() {
        true => clipped(&shown, bytes).to_owned(),
        false => clipped(&format!("{shown}…"), bytes).to_owned(),
    }
}

/// The word that a text is cut in may be the beginning of a secret, and end in half an escape.
fn without_cut_word(text: &str) -> &str {
    text.trim_end_matches(|c| in_secret(c) || matches!(c, '\\' | '&' | '#' | ';'))
}

/// The text with the middle of every access key ID left out: the service repeats the key that it does not know. Key IDs
/// begin with `AKLT` (long-term) or `AKTP` (temporary).
fn without_key_ids(text: &str) -> Cow<'_, str> {
    let start_in = |text: &str| text.as_bytes().windows(4).position(|start| start == b"AKLT" || start == b"AKTP");
    // Almost no text has one.
    if start_in(text).is_none() {
        return Cow::Borrowed(text);
    }
    let letter = |text: &[u8]| usize::from(text.first().is_some_and(u8::is_ascii_alphanumeric));
    replace_words(text, letter, |word| {
        // What was escaped may stand before it: `\n`, `%3D`, `\u0022`. Behind more than that, the four letters are a token's.
        let (before, id) = word.split_at(start_in(word)?);
        (before.len() <= 8 && id.len() >= 12).then(|| format!("{before}{}****{}", &id[..4], &id[id.len() - 4..]))
    })
}

fn without_long_words(text: &str, long_word: usize) -> Cow<'_, str> {
    // Most names are shorter.
    if text.len() < long_word {
        return Cow::Borrowed(text);
    }
    replace_words(text, secret_letter, |word| (word.len() >= long_word).then(|| "…".to_owned()))
}

/// What tokens and signatures consist of; a text in UTF-16 has a NUL beside each letter.
fn in_secret(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '%' | '\0')
}

/// How many bytes the first letter of a secret takes, which JSON or HTML may have escaped; 0 for any other character.
fn secret_letter(text: &[u8]) -> usize {
    const ESCAPED: [&str; 10] = [r"\/", r"\u002b", r"\u002f", r"\u003d", "&#43;", "&#47;", "&#61;", "&#x2b;", "&#x2f;", "&#x3d;"];
    match text.first() {
        Some(&byte) if in_secret(byte.into()) => 1,
        Some(b'\\' | b'&') => {
            let begins = |with: &str| text.get(..with.len()).is_some_and(|text| text.eq_ignore_ascii_case(with.as_bytes()));
            ESCAPED.iter().find(|escaped| begins(escaped)).map_or(0, |escaped| escaped.len())
        }
        _ => 0,
    }
}

/// Replaces words of ASCII letters. `letter` says how many bytes the first letter of a text takes, 0 where it has none.
fn replace_words(text: &str, letter: impl Fn(&[u8]) -> usize, replacement: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    let (mut replaced, mut copied, mut at) = (String::new(), 0, 0);
    while at < text.len() {
        let start = at;
        while let bytes @ 1.. = letter(&text.as_bytes()[at..]) {
            at += bytes;
        }
        if at == start {
            at += 1;
        } else if let Some(replacement) = replacement(&text[start..at]) {
            replaced.push_str(&text[copied..start]);
            replaced.push_str(&replacement);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: [&str; 3] =
        ["STS2LWHsEb8QJHx7szKHr25w0x1At3INrE", "R3QEjufIMNj0qdAIJNMAS6CRHaW0Kpnt", "pUqEPoudkW853VCYQUwPLii1KOc2Wj"];

    #[test]
    fn a_secret_that_is_cut_where_reading_ends_is_not_shown() {
        let signature = "0123456789abcdef".repeat(4);
        // What is masked makes room for what stands where reading ends.
        for token in 1_900..2_048 {
            for signature in [&signature, r"01\u002b23456789abcdef01\u002b23456789abcdef", "AKLT0123456789abcdefgh"] {
                let page = format!("x-security-token: {}\nsigned: {signature}\n", "A".repeat(token));
                for page in [page.clone(), format!(" {page}"), format!("\u{3000}{page}")] {
                    let shown = excerpt(page.as_bytes());
                    assert!(!shown.contains("0123456"), "{token}: {shown}");
                }
            }
        }
        assert_eq!(message(&"a".repeat(10_000)), "…");
        assert_eq!(message(&"a ".repeat(10_000)), "a ".repeat(512));
    }

    #[test]
    fn a_token_with_the_beginning_of_a_key_id_in_it_is_hidden_whole() {
        let (before, behind) = (TOKEN[0], TOKEN[1]);
        assert_eq!(message(&format!("token {before}AKLT{behind} twice")), "token … twice");
        assert_eq!(name(&format!("{before}AKLT{behind}")), "…");
    }

    #[test]
    fn a_token_is_hidden_however_it_is_escaped() {
        for escaped in [r"\/", r"\u002b", r"\u002F", r"\u003d", "&#43;", "&#x2F;", "&#61;", "%2B"] {
            let shown = excerpt(format!("token={} twice", TOKEN.join(escaped)).as_bytes());
            assert_eq!(shown, "… twice", "{escaped}");
        }
        let utf16: Vec<u8> = TOKEN.concat().encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(excerpt(&utf16), "…");
    }

    #[test]
    fn other_escapes_hide_nothing() {
        for text in [
            r#"{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b\u0435\u043a\u043e\u043f\u0430"}"#,
            r"C:\Program Files\Common Files\An Application\bin\run.exe",
            "&lt;script&gt;alert(&#39;123&#39;);&lt;/script&gt;&lt;script&gt;",
            "Action=DeleteImages&Version=2020-04-01&ImageIds.1=image-ebgy1og99tfct0example",
        ] {
            assert_eq!(excerpt(text.as_bytes()), text);
        }
    }

    #[test]
    fn a_key_id_is_masked_wherever_in_a_word_it_begins() {
        for before in ["", r"\n", r"\u0022", "%3D", "key", "é"] {
            for start in ["AKLT", "AKTP"] {
                let shown = message(&format!("{before}{start}canarycanary is wrong"));
                assert_eq!(shown, format!("{before}{start}****nary is wrong"));
            }
        }
        assert_eq!(message("AKLT1234567 AKLT12345678"), "AKLT1234567 AKLT****5678");
    }

    #[test]
    fn a_name_is_shown_whole_but_for_secrets() {
        for whole in ["InvalidImage.NotFound", "202401120716064396688F6B01A82443A0", "镜像", &"a".repeat(63)] {
            assert_eq!(name(whole), whole);
        }
        assert_eq!(name("InvalidAccessKey.AKLTcanarycanary"), "InvalidAccessKey.AKLT****nary");
        assert_eq!(name(&"0123456789abcdef".repeat(4)), "…");
        assert_eq!(name(&TOKEN.concat()), "…");
    }

    #[test]
    fn no_character_steers_a_line() {
        let shown = printable("a\u{1b}\u{7f}\u{85}\u{61c}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}镜像").to_string();
        assert_eq!(shown, r"a\u{1b}\u{7f}\u{85}\u{61c}\u{200e}\u{2028}\u{2029}\u{202e}\u{2066}镜像");
    }
}

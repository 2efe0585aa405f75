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
            self.0.chars().try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
        }
    }

    Printable(text)
}

/// An error's message.
pub(crate) fn message(text: &str) -> String {
    /// More than anybody reads.
    const BYTES: usize = 1_024;
    without_secrets(text, BYTES)
}

/// What can be told of a body that nobody can read.
pub(crate) fn excerpt(body: &[u8]) -> String {
    const BYTES: usize = 256;
    let text = String::from_utf8_lossy(&body[..body.len().min(READ_ON * BYTES)]);
    printable(&without_secrets(text.trim(), BYTES)).to_string()
}

/// How much more is read than is shown, so that no secret is cut short enough to be taken for a word.
const READ_ON: usize = 8;

fn without_secrets(text: &str, bytes: usize) -> String {
    let text = without_key_ids(clipped(text, READ_ON * bytes));
    clipped(&without_long_words(&text), bytes).to_owned()
}

/// The text without words of 40 characters and more: a page that repeats our request has the signature and the session
/// token in it. Request IDs have 34.
fn without_long_words(text: &str) -> Cow<'_, str> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '%');
    replace_words(text, in_word, |word| (word.len() >= 40).then(|| "…".to_owned()))
}

/// The text with the middle of every access key ID left out: the service repeats the key that it does not know. Key IDs
/// begin with `AKLT` (long-term) or `AKTP` (temporary).
fn without_key_ids(text: &str) -> Cow<'_, str> {
    let is_key = |word: &str| word.len() >= 12 && (word.starts_with("AKLT") || word.starts_with("AKTP"));
    let masked = |word: &str| format!("{}****{}", &word[..4], &word[word.len() - 4..]);
    replace_words(text, |c| c.is_ascii_alphanumeric(), |word| is_key(word).then(|| masked(word)))
}

fn replace_words(text: &str, in_word: fn(char) -> bool, replacement: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    let words = |piece| str::trim_end_matches(piece, |c| !in_word(c));
    if !text.split_inclusive(|c| !in_word(c)).any(|piece| replacement(words(piece)).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !in_word(c)) {
        let word = words(piece);
        replaced.push_str(replacement(word).as_deref().unwrap_or(word));
        replaced.push_str(&piece[word.len()..]);
    }
    Cow::Owned(replaced)
}

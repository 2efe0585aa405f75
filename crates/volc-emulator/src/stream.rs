//! A connection that can be told to close after so many bytes of the answer under way.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What ends the headers.
const BLANK_LINE: &[u8; 4] = b"\r\n\r\n";

/// How much may still be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Everything.
    #[default]
    Never,
    /// This many bytes.
    After(usize),
    /// The rest of the headers, of whose end `seen` bytes were written, and then `body` bytes.
    InBody { seen: usize, body: usize },
}

impl Cut {
    /// How many of these bytes may be written.
    fn allows(self, bytes: &[u8]) -> usize {
        match self {
            Self::Never => bytes.len(),
            Self::After(left) => left.min(bytes.len()),
            Self::InBody { seen, body } => match Self::end_of_head(seen, bytes) {
                Ok(end) => (end + body).min(bytes.len()),
                Err(_) => bytes.len(),
            },
        }
    }

    /// These bytes were written.
    fn advance(&mut self, bytes: &[u8]) {
        *self = match *self {
            Self::Never => Self::Never,
            Self::After(left) => Self::After(left.saturating_sub(bytes.len())),
            Self::InBody { seen, body } => match Self::end_of_head(seen, bytes) {
                Ok(end) => Self::After(body.saturating_sub(bytes.len() - end)),
                Err(seen) => Self::InBody { seen, body },
            },
        };
    }

    /// Where the headers end in `bytes`, or how much of their end has been seen after them.
    fn end_of_head(mut seen: usize, bytes: &[u8]) -> Result<usize, usize> {
        for (at, byte) in bytes.iter().enumerate() {
            seen = match *byte == BLANK_LINE[seen] {
                true => seen + 1,
                false => usize::from(*byte == BLANK_LINE[0]),
            };
            if seen == BLANK_LINE.len() {
                return Ok(at + 1);
            }
        }
        Err(seen)
    }
}

/// Sets the cut of the connection it was made for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scissors(Arc<Mutex<Cut>>);

impl Scissors {
    pub(crate) fn set(&self, cut: Cut) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    fn cut(&self) -> Cut {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection.
pub(crate) struct CutStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl CutStream {
    pub(crate) fn new(stream: TcpStream) -> (Self, Scissors) {
        let scissors = Scissors::default();
        (Self { stream, scissors: scissors.clone() }, scissors)
    }
}

impl AsyncRead for CutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

/// Vectored writes are not offered, so that every byte passes `poll_write`.
impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut cut = self.scissors.cut();
        let allowed = cut.allows(bytes);
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]))?;
        cut.advance(&bytes[..written]);
        self.scissors.set(cut);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes when an answer is written in pieces of this size.
    fn passed(mut cut: Cut, answer: &[u8], piece: usize) -> usize {
        let mut passed = 0;
        for bytes in answer.chunks(piece) {
            let allowed = cut.allows(bytes);
            cut.advance(&bytes[..allowed]);
            passed += allowed;
            if allowed < bytes.len() {
                break;
            }
        }
        passed
    }

    #[test]
    fn the_cut_is_where_it_was_set_however_the_answer_is_written() {
        let head = b"HTTP/1.1 200 OK\r\nA: \r\r\nB: b\r\n\r\n";
        let answer = [head, &b"body\r\n\r\nbody"[..]].concat();
        for piece in 1..=answer.len() {
            assert_eq!(passed(Cut::Never, &answer, piece), answer.len());
            assert_eq!(passed(Cut::After(20), &answer, piece), 20);
            for body in 0..12 {
                assert_eq!(passed(Cut::InBody { seen: 0, body }, &answer, piece), head.len() + body);
            }
        }
    }
}

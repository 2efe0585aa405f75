//! Errors for people.

use std::error::Error;
use std::fmt;

/// An error with its sources, in one line, for what has no place for a chain: a report, a journal, a terminal.
///
/// ```
/// let error = volc_proto::RequestError::Sign(volc_proto::SignError::AlreadySigned);
/// assert_eq!(
///     volc_proto::chain(&error).to_string(),
///     "the request could not be signed: expected a request without a signature or a session token"
/// );
/// ```
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + use<'a> {
    Chain(error)
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

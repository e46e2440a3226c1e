//! The fence around every exported function: errors become C numbers, no panic leaves the library.

use crate::runtime::context::Error;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why an exported function failed, as the number that C gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure(pub(super) c_int);

/// The failure that most functions know.
pub(super) const FAILED: Failure = Failure(-1);

impl From<Error> for Failure {
    fn from(_: Error) -> Self {
        FAILED
    }
}

/// Runs the body of a function; `on_panic` is the answer should it panic.
pub(super) fn fence<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(on_panic)
}

/// Runs the body of a function that answers 0 or a negative number.
pub(super) fn status(body: impl FnOnce() -> Result<(), Failure>) -> c_int {
    count(|| body().map(|()| 0))
}

/// Runs the body of a function that answers a count or a negative number.
pub(super) fn count(body: impl FnOnce() -> Result<c_int, Failure>) -> c_int {
    fence(FAILED.0, || body().unwrap_or_else(|failure| failure.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(status(|| panic!("on purpose")), -1);
        assert_eq!(fence(7, || 3), 3);
    }

    #[test]
    fn failures_keep_their_number() {
        assert_eq!(status(|| Err(Failure(-4))), -4);
        assert_eq!(count(|| Ok(5)), 5);
        assert_eq!(status(|| Err(Error::WrongRole.into())), -1);
    }
}

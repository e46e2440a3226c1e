//! A C function and the argument it wants back.

use super::boundary::{FAILED, Failure};
use super::pointer::possible;
use std::ffi::c_void;

/// A C function of type `F` with its argument, as one value that may go to any thread: the API says that
/// callbacks come from the library's threads, so function and argument must stand that.
#[derive(Clone, Copy)]
pub(super) struct Callback<F> {
    function: F,
    argument: *mut c_void,
}

// SAFETY: a function pointer and an opaque value; the C contract lets both be used on any thread.
unsafe impl<F> Send for Callback<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Callback<F> {}

impl<F: Copy> Callback<F> {
    pub(super) fn new(function: F, argument: *mut c_void) -> Self {
        Self { function, argument }
    }

    // By a method, so that a closure captures the whole value and not its parts.
    pub(super) fn function(&self) -> F {
        self.function
    }

    pub(super) fn argument(&self) -> *mut c_void {
        self.argument
    }
}

/// A function pointer from C: given, absent, or nonsense that must not be kept.
pub(super) enum Given<F> {
    Function(F),
    Absent,
    Nonsense,
}

impl<F: Copy> Given<F> {
    /// The function together with its argument, if there is one to be kept.
    pub(super) fn with(self, argument: *mut c_void) -> Result<Option<Callback<F>>, Failure> {
        match self {
            Given::Function(function) => Ok(Some(Callback::new(function, argument))),
            Given::Absent => Ok(None),
            Given::Nonsense => Err(FAILED),
        }
    }
}

/// Sorts a function pointer from C. `address` is the same pointer as a number.
pub(super) fn given<F>(function: Option<F>, address: usize) -> Given<F> {
    match function {
        None => Given::Absent,
        Some(function) if possible(address) => Given::Function(function),
        Some(_) => Given::Nonsense,
    }
}

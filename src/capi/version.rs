//! `version.h`: the number of the API. `librist_version()` and `librist_api_version()` are in `librist.rs`.

use std::ffi::{CStr, c_int};

pub const LIBRIST_API_VERSION_MAJOR: c_int = 4;
pub const LIBRIST_API_VERSION_MINOR: c_int = 13;
pub const LIBRIST_API_VERSION_PATCH: c_int = 0;

/// What `librist_api_version()` returns; a test compares it with the numbers above.
pub(super) const API_VERSION: &CStr = c"4.13.0";

pub(super) fn text() -> String {
    API_VERSION.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_agree() {
        let numbers = [LIBRIST_API_VERSION_MAJOR, LIBRIST_API_VERSION_MINOR, LIBRIST_API_VERSION_PATCH];
        assert_eq!(text(), numbers.map(|number| number.to_string()).join("."));
    }
}

//! Asks the application for what it knows of a user.

use super::callback::Callback;
use super::malloc;
use super::pointer::checked;
use super::srp::librist_verifier_lookup_data;
use crate::crypto::secret::Secret;
use crate::crypto::srp::{HashGeneration, Verifier};
use crate::crypto::srp_group::Group;
use crate::protocol::auth::LookUpAnswer;
use crate::runtime::callbacks::LookUpFunction;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

type OldFunction = unsafe extern "C" fn(
    *mut c_char,
    *mut usize,
    *mut *mut c_char,
    *mut usize,
    *mut *mut c_char,
    *mut bool,
    *mut *mut c_char,
    *mut *mut c_char,
    *mut c_void,
);
type NewFunction =
    unsafe extern "C" fn(*mut c_char, *mut librist_verifier_lookup_data, *mut c_int, *mut u64, *mut c_void);

/// Longer verifiers are none: the largest group has 1024 octets.
const MOST_OCTETS: usize = 1024;
/// Longest hexadecimal number that is read.
const MOST_DIGITS: usize = 4096;

const EMPTY: librist_verifier_lookup_data = librist_verifier_lookup_data {
    verifier_len: 0,
    verifier: ptr::null_mut(),
    salt_len: 0,
    salt: ptr::null_mut(),
    default_ng: false,
    n_modulus_ascii: ptr::null_mut(),
    generator_ascii: ptr::null_mut(),
};

/// A function of libRIST before 0.2.8. It has no generation: what it says of a user is taken to last.
pub(super) fn old(callback: Callback<OldFunction>) -> Arc<LookUpFunction> {
    Arc::new(move |username, wanted| {
        if wanted.is_none() {
            return LookUpAnswer { verifier: None, generation: 0 };
        }
        let Ok(name) = CString::new(username) else { return LookUpAnswer { verifier: None, generation: 0 } };
        let mut data = EMPTY;
        let (mut verifier, mut salt) = (ptr::null_mut::<c_char>(), ptr::null_mut::<c_char>());
        let name = name.into_raw();
        // SAFETY: the application's function with its argument; everything it writes to lives during the call.
        unsafe {
            callback.function()(
                name,
                &raw mut data.verifier_len,
                &raw mut verifier,
                &raw mut data.salt_len,
                &raw mut salt,
                &raw mut data.default_ng,
                &raw mut data.n_modulus_ascii,
                &raw mut data.generator_ascii,
                callback.argument(),
            );
        }
        // SAFETY: from `into_raw` above; a text that the application shortened is still within its memory.
        drop(unsafe { CString::from_raw(name) });
        (data.verifier, data.salt) = (verifier.cast(), salt.cast());
        // SAFETY: the application filled it as the header says.
        let verifier = unsafe { take(&data, HashGeneration::ZeroIv) };
        LookUpAnswer { verifier, generation: 0 }
    })
}

pub(super) fn new(callback: Callback<NewFunction>) -> Arc<LookUpFunction> {
    Arc::new(move |username, wanted| {
        let mut generation = 0;
        let Ok(name) = CString::new(username) else { return LookUpAnswer { verifier: None, generation } };
        let mut hash = c_int::from(wanted.unwrap_or(HashGeneration::Standard).number());
        let mut data = EMPTY;
        let out = if wanted.is_some() { &raw mut data } else { ptr::null_mut() };
        let name = name.into_raw();
        // SAFETY: the application's function with its argument; everything it writes to lives during the call.
        unsafe { callback.function()(name, out, &raw mut hash, &raw mut generation, callback.argument()) };
        // SAFETY: from `into_raw` above; a text that the application shortened is still within its memory.
        drop(unsafe { CString::from_raw(name) });
        let hash = if hash == 0 { HashGeneration::ZeroIv } else { HashGeneration::Standard };
        // SAFETY: the application filled it as the header says.
        let verifier = unsafe { take(&data, hash) };
        LookUpAnswer { verifier, generation }
    })
}

/// Copies what the application gave and frees it.
///
/// Contract: each pointer is null or from malloc; verifier and salt have as many bytes as said, the others end in NUL.
unsafe fn take(data: &librist_verifier_lookup_data, generation: HashGeneration) -> Option<Verifier> {
    // SAFETY: the caller's contract.
    let value = unsafe { octets(data.verifier, data.verifier_len) };
    // SAFETY: the caller's contract.
    let salt = unsafe { octets(data.salt, data.salt_len) };
    // SAFETY: the caller's contract.
    let modulus = unsafe { number(data.n_modulus_ascii) };
    // SAFETY: the caller's contract.
    let generator = unsafe { number(data.generator_ascii) };
    for memory in [data.verifier, data.salt, data.n_modulus_ascii.cast(), data.generator_ascii.cast()] {
        // SAFETY: the caller's contract; nobody else frees it.
        unsafe { malloc::free(memory) };
    }
    let group = match (data.default_ng, modulus, generator) {
        (false, Some(modulus), Some(generator)) => Group::from_hex(&modulus, &generator).ok()?,
        _ => Group::default(),
    };
    let verifier = Verifier { group, generation, salt: salt?, value: Secret::new(&value?) };
    verifier.check().ok().map(|()| verifier)
}

/// Contract: a possible pointer has `length` readable bytes.
unsafe fn octets(memory: *const u8, length: usize) -> Option<Vec<u8>> {
    let memory = checked(memory).filter(|_| (1..=MOST_OCTETS).contains(&length))?;
    // SAFETY: the caller's contract.
    Some(unsafe { std::slice::from_raw_parts(memory.as_ptr(), length) }.to_vec())
}

/// Contract: a possible pointer is a C string.
unsafe fn number(text: *const c_char) -> Option<String> {
    let text = checked(text)?;
    // SAFETY: the caller's contract.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    text.to_str().ok().filter(|text| text.len() <= MOST_DIGITS).map(str::to_owned)
}

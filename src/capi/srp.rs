//! `librist_srp.h`: login with user name and password (SRP), part of the Main and Advanced profiles.

use super::boundary::{Failure, status};
use super::callback::given;
use super::headers::*;
use super::{handle, pointer, srp_lookup};
use crate::crypto::secret::Secret;
use crate::protocol::auth::Credentials;
use crate::protocol::config::Profile;
use crate::runtime::callbacks::LookUpFunction;
use crate::runtime::peer_calls::Login;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// Looks a user up, with one kind of verifier only. See user_verifier_lookup_2_t.
pub type user_verifier_lookup_t = Option<
    unsafe extern "C" fn(
        username: *mut c_char,
        verifier_len: *mut usize,
        verifier: *mut *mut c_char,
        salt_len: *mut usize,
        salt: *mut *mut c_char,
        use_default_2048_bit_n_modulus: *mut bool,
        n_modulus_ascii: *mut *mut c_char,
        generator_ascii: *mut *mut c_char,
        user_data: *mut c_void,
    ),
>;

/// What is known of a user. All memory comes from malloc() and becomes the library's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct librist_verifier_lookup_data {
    pub verifier_len: usize,
    pub verifier: *mut u8,
    pub salt_len: usize,
    pub salt: *mut u8,
    /// The usual group of 2048 bits; the two texts are NULL then.
    pub default_ng: bool,
    /// Hexadecimal.
    pub n_modulus_ascii: *mut c_char,
    pub generator_ascii: *mut c_char,
}

pub type librist_verifier_lookup_data_t = librist_verifier_lookup_data;

/// Looks a user up. Leaves lookup_data empty if there is none.
///
/// @param username who wants to come in
/// @param lookup_data answer; NULL if only generation is asked for
/// @param hashversion 1 for the verifiers of libRIST 0.2.8 and later, 0 for older ones; may be changed
/// @param generation a number that changes when the answer does
/// @param user_data as given to rist_enable_eap_srp_2()
pub type user_verifier_lookup_2_t = Option<
    unsafe extern "C" fn(
        username: *mut c_char,
        lookup_data: *mut librist_verifier_lookup_data_t,
        hashversion: *mut c_int,
        generation: *mut u64,
        user_data: *mut c_void,
    ),
>;

/// As rist_enable_eap_srp_2(), with the older kind of look-up, whose verifiers are those of libRIST before 0.2.8.
#[deprecated]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_enable_eap_srp(
    peer: *mut rist_peer,
    username: *const c_char,
    password: *const c_char,
    lookup_func: user_verifier_lookup_t,
    userdata: *mut c_void,
) -> c_int {
    status(|| {
        let look_up = given(lookup_func, lookup_func.map_or(0, |function| function as usize))
            .with(userdata)?
            .map(srp_lookup::old);
        // SAFETY: the contract of `capi`.
        unsafe { enable(peer, username, password, look_up) }
    })
}

/// Makes a peer log in, if it calls, or asks callers to, if it listens. At any time; who is connected has to log in
/// then. Until it has, a peer neither gets nor gives anything.
///
/// @param peer a peer made by rist_peer_create()
/// @param username for a peer that calls, or the only user of one that listens; 1 to 255 bytes
/// @param password of that user, 1 to 255 bytes
/// @param lookup_func for a peer that listens; called from the library's threads
/// @param userdata handed to lookup_func
/// @return 0 on success; RIST_ERR_NULL_PEER; RIST_ERR_INVALID_PROFILE in the Simple profile;
/// RIST_ERR_NULL_CREDENTIALS; RIST_ERR_INVALID_STRING_LENGTH; RIST_ERR_MISSING_CALLBACK_FUNCTION; -1 otherwise
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_enable_eap_srp_2(
    peer: *mut rist_peer,
    username: *const c_char,
    password: *const c_char,
    lookup_func: user_verifier_lookup_2_t,
    userdata: *mut c_void,
) -> c_int {
    status(|| {
        let look_up = given(lookup_func, lookup_func.map_or(0, |function| function as usize))
            .with(userdata)?
            .map(srp_lookup::new);
        // SAFETY: the contract of `capi`.
        unsafe { enable(peer, username, password, look_up) }
    })
}

/// Contract: the pointers from C are as `capi` says.
unsafe fn enable(
    peer: *const rist_peer,
    username: *const c_char,
    password: *const c_char,
    look_up: Option<Arc<LookUpFunction>>,
) -> Result<(), Failure> {
    let (instance, peer) = handle::peer(peer).ok_or(Failure(RIST_ERR_NULL_PEER))?;
    if instance.context.profile() == Profile::Simple {
        return Err(Failure(RIST_ERR_INVALID_PROFILE));
    }
    let calls = instance.context.calls(peer)?;
    // SAFETY: the caller's contract.
    let credentials = unsafe { credentials(username, password) };
    let login = match (calls, look_up, credentials) {
        (false, Some(look_up), _) => Login::LookUp(look_up),
        (false, None, Err(Failure(RIST_ERR_NULL_CREDENTIALS))) => {
            return Err(Failure(RIST_ERR_MISSING_CALLBACK_FUNCTION));
        }
        (_, _, credentials) => Login::Credentials(credentials?),
    };
    Ok(instance.context.enable_login(peer, login)?)
}

/// Contract: possible pointers are C strings.
unsafe fn credentials(username: *const c_char, password: *const c_char) -> Result<Credentials, Failure> {
    // SAFETY: the caller's contract.
    let username = unsafe { pointer::text(username) };
    // SAFETY: the caller's contract.
    let password = unsafe { pointer::text(password) };
    let (Ok(username), Ok(password)) = (username, password) else { return Err(Failure(RIST_ERR_NULL_CREDENTIALS)) };
    let credentials = Credentials::new(username.to_bytes(), &Secret::new(password.to_bytes()));
    credentials.ok_or(Failure(RIST_ERR_INVALID_STRING_LENGTH))
}

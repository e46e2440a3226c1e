//! Two functions that no header declares; `ristsrppasswd` of libRIST 0.2.8 and later imports them.

use super::boundary::{FAILED, Failure, count, status};
use super::{malloc, pointer};
use crate::crypto::secret::Secret;
use crate::crypto::srp::{HashGeneration, Verifier};
use crate::crypto::srp_group::Group;
use crate::runtime::context::random_octets;
use std::ffi::{CString, c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

/// Octets of a salt (libRIST).
const SALT: usize = 32;
/// libRIST's numbers of groups: 2 has 1024 bits, 3 the usual 2048, 4 has 4096, 5 has 8192.
const NUMBERS: usize = 6;

/// Modulus and generator of a group as hexadecimal text, which stays valid for ever. 0 on success, -1 for a
/// number that names no group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn librist_get_ng_constants(
    group: c_int,
    n_hex: *mut *const c_char,
    g_hex: *mut *const c_char,
) -> c_int {
    count(|| {
        static TEXTS: [OnceLock<[CString; 2]>; NUMBERS] = [const { OnceLock::new() }; NUMBERS];
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(n_hex, ptr::null()) }?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(g_hex, ptr::null()) }?;
        let number = u32::try_from(group).map_err(|_| FAILED)?;
        let group = Group::numbered(number).ok_or(FAILED)?;
        let place = TEXTS.get(number as usize).ok_or(FAILED)?;
        let [n, g] = place.get_or_init(|| [hex(&group.modulus_octets()), hex(&group.generator_octets())]);
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(n_hex, n.as_ptr()) }?;
        // SAFETY: the contract of `capi`.
        unsafe { pointer::write(g_hex, g.as_ptr()) }?;
        Ok(0)
    })
}

fn hex(octets: &[u8]) -> CString {
    let digits: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    CString::new(digits).unwrap_or_default()
}

/// Salt and verifier of a password, in memory from malloc. `correct_hashing` false: for libRIST before 0.2.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn librist_crypto_srp_create_verifier(
    n_hex: *const c_char,
    g_hex: *const c_char,
    username: *const c_char,
    password: *const c_char,
    salt: *mut *mut u8,
    salt_len: *mut usize,
    verifier: *mut *mut u8,
    verifier_len: *mut usize,
    correct_hashing: bool,
) -> c_int {
    status(|| {
        for (octets, length) in [(salt, salt_len), (verifier, verifier_len)] {
            // SAFETY: the contract of `capi`.
            unsafe { pointer::write(octets, ptr::null_mut()) }?;
            // SAFETY: the contract of `capi`.
            unsafe { pointer::write(length, 0) }?;
        }
        // SAFETY: the contract of `capi`.
        let group = unsafe { group(n_hex, g_hex) }?;
        // SAFETY: the contract of `capi`.
        let username = unsafe { pointer::text(username) }?;
        // SAFETY: the contract of `capi`.
        let password = unsafe { pointer::text(password) }?;
        let generation = if correct_hashing { HashGeneration::Standard } else { HashGeneration::ZeroIv };
        let mut random: [u8; SALT] = random_octets().ok_or(FAILED)?;
        // libRIST before 0.2.16 loses leading zeros.
        random[0] |= 1;
        let secret = Secret::new(password.to_bytes());
        let made = Verifier::new(&group, generation, username.to_bytes(), &secret, &random).map_err(|_| FAILED)?;
        let texts = [(salt, salt_len, &made.salt[..]), (verifier, verifier_len, made.value.octets())];
        for (octets, length, text) in texts {
            let memory = malloc::many(text).ok_or(FAILED)?;
            // SAFETY: the contract of `capi`.
            unsafe { pointer::write(octets, memory.as_ptr()) }?;
            // SAFETY: the contract of `capi`.
            unsafe { pointer::write(length, text.len()) }?;
        }
        Ok(())
    })
}

/// Contract: possible pointers are C strings.
unsafe fn group(n_hex: *const c_char, g_hex: *const c_char) -> Result<Group, Failure> {
    if n_hex.is_null() && g_hex.is_null() {
        return Ok(Group::default());
    }
    // SAFETY: the caller's contract.
    let modulus = unsafe { pointer::text(n_hex) }?.to_str().map_err(|_| FAILED)?;
    // SAFETY: the caller's contract.
    let generator = unsafe { pointer::text(g_hex) }?.to_str().map_err(|_| FAILED)?;
    Group::from_hex(modulus, generator).map_err(|_| FAILED)
}

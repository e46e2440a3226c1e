//! Logins through the C API: verifiers as a password file has them, made by `librist_crypto_srp_create_verifier`, looked
//! up by either kind of function, of the usual group and of another one.
#![allow(unsafe_code, clippy::multiple_unsafe_ops_per_block)]

#[path = "support/mod.rs"]
mod support;

use rist::capi::headers::rist_peer;
use rist::capi::peer::rist_peer_get_socket;
use rist::capi::srp::{librist_verifier_lookup_data, rist_enable_eap_srp_2};
use rist::capi::srp_tools::{librist_crypto_srp_create_verifier, librist_get_ng_constants};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::time::Duration;
use support::context::{Context, MAIN};

const WAIT: Duration = Duration::from_secs(15);

/// What a line of a password file says, and the group's numbers where they are not the usual ones.
struct Line {
    user: CString,
    verifier: Vec<u8>,
    salt: Vec<u8>,
    hash: c_int,
    group: Option<[CString; 2]>,
}

/// Copies into memory from malloc, as the header asks.
fn copied(octets: &[u8]) -> *mut u8 {
    // SAFETY: malloc takes any size; the copy stays within it.
    unsafe {
        let memory = libc::malloc(octets.len().max(1)).cast::<u8>();
        assert!(!memory.is_null());
        std::ptr::copy_nonoverlapping(octets.as_ptr(), memory, octets.len());
        memory
    }
}

unsafe extern "C" fn look_up(
    user: *mut c_char,
    data: *mut librist_verifier_lookup_data,
    hash: *mut c_int,
    generation: *mut u64,
    arg: *mut c_void,
) {
    // SAFETY: the argument is the table of the test, which outlives its contexts; the rest is as the header says.
    unsafe {
        let lines = &*arg.cast::<Vec<Line>>();
        generation.write(1);
        if data.is_null() {
            return;
        }
        // The newest hash that is not newer than what was asked for.
        let fits = |line: &&Line| line.user.as_c_str() == CStr::from_ptr(user) && line.hash <= *hash;
        let Some(line) = lines.iter().filter(fits).max_by_key(|line| line.hash) else { return };
        hash.write(line.hash);
        let text = |text: &CString| copied(text.as_bytes_with_nul()).cast::<c_char>();
        data.write(librist_verifier_lookup_data {
            verifier_len: line.verifier.len(),
            verifier: copied(&line.verifier),
            salt_len: line.salt.len(),
            salt: copied(&line.salt),
            default_ng: line.group.is_none(),
            n_modulus_ascii: line.group.as_ref().map_or(null_mut(), |group| text(&group[0])),
            generator_ascii: line.group.as_ref().map_or(null_mut(), |group| text(&group[1])),
        });
    }
}

/// As `ristsrppasswd` makes a line; group 3 is the usual one.
fn line(user: &str, password: &str, hash: c_int, group: c_int) -> Line {
    let (user, password) = (CString::new(user).unwrap(), CString::new(password).unwrap());
    let (mut n, mut g) = (null(), null());
    let (mut salt, mut salt_len, mut verifier, mut verifier_len) = (null_mut(), 0, null_mut(), 0);
    // SAFETY: places for what is made, texts that live through the calls, and memory that is ours afterwards.
    unsafe {
        assert_eq!(librist_get_ng_constants(group, &mut n, &mut g), 0);
        let made = librist_crypto_srp_create_verifier(
            n,
            g,
            user.as_ptr(),
            password.as_ptr(),
            &mut salt,
            &mut salt_len,
            &mut verifier,
            &mut verifier_len,
            hash == 1,
        );
        assert_eq!(made, 0);
        let take = |memory: *mut u8, length| {
            let octets = std::slice::from_raw_parts(memory, length).to_vec();
            libc::free(memory.cast());
            octets
        };
        let group = (group != 3).then(|| [CStr::from_ptr(n).to_owned(), CStr::from_ptr(g).to_owned()]);
        Line { user, verifier: take(verifier, verifier_len), salt: take(salt, salt_len), hash, group }
    }
}

fn port(peer: *mut rist_peer) -> u16 {
    let mut fd = -1;
    // SAFETY: a live peer and a place for its socket.
    assert_eq!(unsafe { rist_peer_get_socket(peer, &mut fd, null_mut()) }, 0);
    // SAFETY: the library's socket, duplicated, so that it is not closed here.
    let socket = unsafe { <std::net::UdpSocket as std::os::fd::FromRawFd>::from_raw_fd(libc::dup(fd)) };
    socket.local_addr().unwrap().port()
}

/// Whether a caller with this name and password comes in where these lines are known.
fn comes_in(lines: &Vec<Line>, user: &str, password: &str) -> bool {
    let (receiver, sender) = (Context::receiver(MAIN), Context::sender(MAIN));
    let listener = receiver.peer("rist://@127.0.0.1:0");
    let argument = std::ptr::from_ref(lines).cast_mut().cast();
    // SAFETY: a live peer, a function, and its argument.
    assert_eq!(unsafe { rist_enable_eap_srp_2(listener, null(), null(), Some(look_up), argument) }, 0);
    let caller = sender.peer(&format!("rist://127.0.0.1:{}", port(listener)));
    let (user, password) = (CString::new(user).unwrap(), CString::new(password).unwrap());
    // SAFETY: a live peer and texts.
    assert_eq!(unsafe { rist_enable_eap_srp_2(caller, user.as_ptr(), password.as_ptr(), None, null_mut()) }, 0);
    receiver.start();
    sender.start();
    let answer = |line: &String| match () {
        () if line.contains("logged in as") => Some(true),
        () if line.contains("wrong password") || line.contains("unknown user") => Some(false),
        () => None,
    };
    let said = || receiver.lines().join("\n");
    support::wait_until("an answer", WAIT, || receiver.lines().iter().find_map(answer), said)
}

#[test]
fn either_hash_and_any_group_let_the_right_password_in() {
    for (hash, group) in [(1, 3), (0, 3), (1, 2), (0, 4)] {
        let lines = vec![line("somebody", "a password", hash, group)];
        assert!(comes_in(&lines, "somebody", "a password"), "hash {hash}, group {group}");
        assert!(!comes_in(&lines, "somebody", "another"), "hash {hash}, group {group}");
    }
}

#[test]
fn a_file_with_both_lines_of_a_user_works() {
    let lines = vec![line("somebody", "a password", 0, 3), line("somebody", "a password", 1, 3)];
    assert!(comes_in(&lines, "somebody", "a password"));
    assert!(!comes_in(&lines, "nobody", "a password"));
}

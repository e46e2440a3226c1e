//! What the application is told of peers.

use super::callback::Callback;
use super::enums::*;
use super::handle::Handle;
use super::headers::rist_peer;
use crate::protocol::output::PeerId;
use crate::runtime::callbacks::{Caller, ConnectionStatus};
use std::ffi::{CString, c_char, c_int, c_void};
use std::net::IpAddr;
use std::sync::Arc;

type StatusFunction = unsafe extern "C" fn(*mut c_void, *mut rist_peer, c_rist_connection_status);
type ConnectFunction =
    unsafe extern "C" fn(*mut c_void, *const c_char, u16, *const c_char, u16, *mut rist_peer) -> c_int;
type DisconnectFunction = unsafe extern "C" fn(*mut c_void, *mut rist_peer) -> c_int;

pub(super) fn connection(
    callback: Callback<StatusFunction>,
    handle: Handle,
) -> Arc<dyn Fn(PeerId, ConnectionStatus) + Send + Sync> {
    Arc::new(move |peer, status| {
        // SAFETY: the application's function with its argument; the handle is only a number.
        unsafe { callback.function()(callback.argument(), handle.as_peer(peer), status as c_int) };
    })
}

pub(super) fn admission(
    callback: Callback<ConnectFunction>,
    handle: Handle,
) -> Arc<dyn Fn(Caller) -> bool + Send + Sync> {
    Arc::new(move |caller| {
        let (remote, local) = (ip(caller.remote.ip()), ip(caller.local.ip()));
        let (remote_port, local_port) = (caller.remote.port(), caller.local.port());
        let (function, argument) = (callback.function(), callback.argument());
        let peer = handle.as_peer(caller.peer);
        // SAFETY: the application's function with its argument; both texts live during the call.
        let answer = unsafe { function(argument, remote.as_ptr(), remote_port, local.as_ptr(), local_port, peer) };
        answer == 0
    })
}

pub(super) fn disconnect(callback: Callback<DisconnectFunction>, handle: Handle) -> Arc<dyn Fn(PeerId) + Send + Sync> {
    Arc::new(move |peer| {
        // SAFETY: the application's function with its argument; the handle is only a number.
        unsafe { callback.function()(callback.argument(), handle.as_peer(peer)) };
    })
}

fn ip(address: IpAddr) -> CString {
    CString::new(address.to_canonical().to_string()).unwrap_or_default()
}

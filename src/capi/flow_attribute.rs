//! `ferrist.h`: what a sender of the Advanced profile says of its flows.

use super::boundary::{FAILED, Failure, count as answer};
use super::callback::given;
use super::ferrist::array;
use super::headers::*;
use super::{handle, instance, pointer};
use crate::protocol::session::MAX_FLOW_ATTRIBUTE;
use crate::wire::flow_attribute::{self, Flow, FlowAttribute, LONGEST, Session, Subflow};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null;

/// Longest text that rist_sender_flow_attribute_write() takes, bytes.
pub const RIST_MAX_FLOW_ATTRIBUTE: c_int = 9000;
const _: () = assert!(RIST_MAX_FLOW_ATTRIBUTE as usize == MAX_FLOW_ATTRIBUTE);

/// One subflow that a sender describes (TR-06-3, flow attribute message), with the session and the flow that it is of.
/// Text is UTF-8. Zero it and set priority and bitrate to -1, then fill in what there is to say.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rist_subflow {
    /// "seconds:nanoseconds" of the last change.
    pub session_version: *const c_char,
    pub session_id: *const c_char,
    pub flow_id: *const c_char,
    pub id: *const c_char,
    /// Payload format descriptor (fmt_des). This and the following ones are NULL or -1 if not said.
    pub format: *const c_char,
    pub name: *const c_char,
    pub description: *const c_char,
    /// Session description (RFC 8866).
    pub sdp: *const c_char,
    pub priority: i64,
    pub bitrate: i64,
}

/// Is told of a subflow, which is valid during the call; see rist_flow_attribute_read(). Anything but 0 ends the reading.
pub type rist_subflow_callback_t =
    Option<unsafe extern "C" fn(arg: *mut c_void, subflow: *const rist_subflow) -> c_int>;

/// Says something of the flow to peers that are spoken to in the Advanced profile. It takes the place of what the library
/// says each second by itself.
///
/// @param ctx sender context
/// @param peer to whom; a listening peer stands for all that came through it, NULL for everybody
/// @param json text, for example of rist_flow_attribute_write(); it is not looked at
/// @param length bytes without NUL, 1 to RIST_MAX_FLOW_ATTRIBUTE
/// @return peers that it went to, which may be none; -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_flow_attribute_write(
    ctx: *mut rist_ctx,
    peer: *mut rist_peer,
    json: *const c_char,
    length: usize,
) -> c_int {
    answer(|| {
        let instance = instance::sender(ctx)?;
        // SAFETY: the contract of `capi`.
        let text = unsafe { bytes(json, length, MAX_FLOW_ATTRIBUTE) }?;
        let to = handle::peer_of(&instance, peer)?;
        let peers = instance.context.write_flow_attribute(to, text)?;
        Ok(c_int::try_from(peers).unwrap_or(c_int::MAX))
    })
}

/// Reads a flow attribute as TR-06-3 describes it, for example in the function of
/// rist_receiver_flow_attr_callback_set(). What libRIST's senders say by themselves is something else, and an error.
///
/// @param json text
/// @param length its bytes, with or without NUL
/// @param callback is told of each subflow, in order; or NULL, to count them
/// @param arg handed to it
/// @return subflows that there are, which may be none; -1 on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_flow_attribute_read(
    json: *const c_char,
    length: usize,
    callback: rist_subflow_callback_t,
    arg: *mut c_void,
) -> c_int {
    answer(|| {
        let callback = given(callback, callback.map_or(0, |function| function as usize)).with(arg)?;
        // SAFETY: the contract of `capi`.
        let text = unsafe { bytes(json, length, LONGEST) }?;
        let attribute = flow_attribute::read(text).map_err(|_| FAILED)?;
        let mut found: c_int = 0;
        let mut told = true;
        for session in &attribute.sessions {
            for (flow, subflow) in session.flows.iter().flat_map(|flow| flow.subflows.iter().map(move |it| (flow, it)))
            {
                found = found.saturating_add(1);
                if let Some(callback) = callback.filter(|_| told) {
                    let texts = Texts::new(session, flow, subflow);
                    let subflow = texts.subflow(subflow);
                    // SAFETY: the application's function with its argument; the texts live during the call.
                    told = unsafe { callback.function()(callback.argument(), &raw const subflow) } == 0;
                }
            }
        }
        Ok(found)
    })
}

/// Writes a flow attribute as TR-06-3 describes it. Subflows of the same session, and of the same flow, belong together
/// where they stand one after the other.
///
/// @param[out] json room for the text and its NUL; untouched on error
/// @param size bytes of it
/// @param subflows array; session_version, session_id, flow_id and id must be there
/// @param count elements in it
/// @return bytes of the text without NUL; -1 on error, also if there is too little room
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_flow_attribute_write(
    json: *mut c_char,
    size: usize,
    subflows: *const rist_subflow,
    count: usize,
) -> c_int {
    answer(|| {
        let json = pointer::checked(json.cast_const()).ok_or(FAILED)?;
        let mut attribute = FlowAttribute::default();
        // However many there are, what does not fit ends the work.
        let mut length: usize = 0;
        if let Some(first) = array(subflows, count)? {
            for index in 0..count {
                // SAFETY: the contract of `capi`: the array has `count` elements.
                let subflow = unsafe { first.add(index) };
                // SAFETY: as above.
                let value = unsafe { pointer::read(subflow.as_ptr()) }?;
                // SAFETY: the contract of `capi`.
                let used = unsafe { add(&mut attribute, &value) }?;
                length = length.saturating_add(used);
                if length >= size {
                    return Err(FAILED);
                }
            }
        }
        let text = attribute.write();
        let written = c_int::try_from(text.len()).map_err(|_| FAILED)?;
        if text.len() >= size {
            return Err(FAILED);
        }
        for (index, octet) in text.bytes().chain([0]).enumerate() {
            // SAFETY: the contract of `capi`: `size` bytes, of which no more than so many are used.
            let place = unsafe { json.add(index) };
            // SAFETY: as above.
            unsafe { place.write(octet as c_char) };
        }
        Ok(written)
    })
}

/// Bytes of C's, from 1 to `most`.
///
/// Contract: a possible pointer points to so many bytes that nobody changes during `'a`.
unsafe fn bytes<'a>(text: *const c_char, length: usize, most: usize) -> Result<&'a [u8], Failure> {
    let text = pointer::checked(text.cast::<u8>()).ok_or(FAILED)?;
    if !(1..=most).contains(&length) {
        return Err(FAILED);
    }
    // SAFETY: the caller's contract.
    Ok(unsafe { std::slice::from_raw_parts(text.as_ptr(), length) })
}

/// Puts a subflow where it belongs. Returns octets that it takes at least.
///
/// Contract: possible pointers point to text.
unsafe fn add(attribute: &mut FlowAttribute, value: &rist_subflow) -> Result<usize, Failure> {
    // SAFETY: the caller's contract.
    let said = |pointer| unsafe { optional(pointer) };
    let needed = |pointer| said(pointer)?.ok_or(FAILED);
    let number = |number: i64| match number {
        -1 => Ok(None),
        number => u64::try_from(number).map(Some).map_err(|_| FAILED),
    };
    let (version, sid) = (needed(value.session_version)?, needed(value.session_id)?);
    let fid = needed(value.flow_id)?;
    let subflow = Subflow {
        id: needed(value.id)?,
        format: said(value.format)?,
        name: said(value.name)?,
        description: said(value.description)?,
        priority: number(value.priority)?,
        bitrate: number(value.bitrate)?,
        sdp: said(value.sdp)?,
    };
    let texts = [&subflow.format, &subflow.name, &subflow.description, &subflow.sdp];
    let used = subflow.id.len() + texts.into_iter().flatten().map(String::len).sum::<usize>() + r#"{"id":}"#.len();
    let is_new = attribute.sessions.last().is_none_or(|last| (&last.version, &last.sid) != (&version, &sid));
    if is_new {
        attribute.sessions.push(Session { version, sid, flows: Vec::new() });
    }
    let session = attribute.sessions.last_mut().ok_or(FAILED)?;
    if session.flows.last().is_none_or(|last| last.fid != fid) {
        session.flows.push(Flow { fid, subflows: Vec::new() });
    }
    session.flows.last_mut().ok_or(FAILED)?.subflows.push(subflow);
    Ok(used)
}

/// Text, or nothing for NULL.
///
/// Contract: a possible pointer points to text.
unsafe fn optional(pointer: *const c_char) -> Result<Option<String>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's contract.
    let text = unsafe { pointer::text(pointer) }?;
    text.to_str().map(|text| Some(text.to_owned())).map_err(|_| FAILED)
}

/// The texts of a subflow as C reads them, in the order of the structure.
struct Texts([Option<CString>; 8]);

impl Texts {
    fn new(session: &Session, flow: &Flow, subflow: &Subflow) -> Self {
        let needed = [&session.version, &session.sid, &flow.fid, &subflow.id].map(Some);
        let more = [&subflow.format, &subflow.name, &subflow.description, &subflow.sdp].map(Option::as_ref);
        let [version, sid, fid, id] = needed;
        let [format, name, description, sdp] = more;
        let all = [version, sid, fid, id, format, name, description, sdp];
        // The reader lets no NUL in.
        Self(all.map(|text| text.map(|text| CString::new(text.as_str()).unwrap_or_default())))
    }

    fn subflow(&self, numbers: &Subflow) -> rist_subflow {
        let number = |number: Option<u64>| number.map_or(-1, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let texts = self.0.each_ref().map(|text| text.as_ref().map_or(null(), |text| text.as_ptr()));
        let [session_version, session_id, flow_id, id, format, name, description, sdp] = texts;
        let (priority, bitrate) = (number(numbers.priority), number(numbers.bitrate));
        rist_subflow { session_version, session_id, flow_id, id, format, name, description, sdp, priority, bitrate }
    }
}

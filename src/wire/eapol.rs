//! EAPOL frames: what carries a login (TR-06-2:2022 §8, Annex D; libRIST's octets where both differ).
//!
//! A frame is what follows the GRE header of type 0x888E. It is never encrypted.

use super::bytes::Reader;
use super::eap::{self, Eap};
use super::{Error, Result};

const EAP: u8 = 0;
const START: u8 = 1;
const LOGOFF: u8 = 2;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// 2: libRIST 0.2.7 and earlier. 3: TR-06-2 and libRIST 0.2.8. 4: libRIST 0.2.19.
    pub version: u8,
    pub body: Body<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    Eap(Eap<'a>),
    Start,
    Logoff,
}

/// Reads a frame. Octets after it are padding of the layer below.
pub fn decode(frame: &[u8]) -> Result<Frame<'_>> {
    let mut frame = Reader::new(frame);
    let version = frame.u8()?;
    let kind = frame.u8()?;
    let length = usize::from(frame.u16()?);
    let body = match kind {
        EAP => Body::Eap(eap::decode(frame.take(length)?)?),
        START => {
            // libRIST 0.2.8 to 0.2.16 counts the header: length 4, and nothing there.
            let counted_header = length == 4 && frame.is_empty();
            if !counted_header {
                frame.take(length)?;
            }
            Body::Start
        }
        LOGOFF => {
            frame.take(length)?;
            Body::Logoff
        }
        _ => return Err(Error::Unsupported),
    };
    Ok(Frame { version, body })
}

/// Appends a frame. Nothing is appended if it is too long to be one, which takes 64 KiB.
pub fn write(out: &mut Vec<u8>, frame: &Frame) {
    let start = out.len();
    let kind = match frame.body {
        Body::Eap(_) => EAP,
        Body::Start => START,
        Body::Logoff => LOGOFF,
    };
    out.extend_from_slice(&[frame.version, kind, 0, 0]);
    if let Body::Eap(eap) = &frame.body {
        eap::write(out, eap);
    }
    match u16::try_from(out.len() - start - 4) {
        Ok(length) => {
            out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Err(_) => out.truncate(start),
    }
}

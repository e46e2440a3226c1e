//! A question whose answer tells how long the way is.

use super::{append, ci};
use crate::wire::bytes::Reader;
use crate::wire::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RttEcho<'a> {
    /// Of who asks, in the answer too.
    pub ssrc: u32,
    /// Means something to who asks only.
    pub time: u64,
    /// Microseconds from request to answer. Zero in a request.
    pub delay_us: u32,
    /// Whole words, which the answer repeats.
    pub padding: &'a [u8],
}

impl<'a> RttEcho<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let (ssrc, time, delay_us) = (reader.u32()?, reader.u64()?, reader.u32()?);
        let padding = reader.rest();
        if !padding.len().is_multiple_of(4) {
            return Err(Error::Malformed);
        }
        Ok(Self { ssrc, time, delay_us, padding })
    }

    pub fn write_request(&self, out: &mut Vec<u8>) {
        self.write(out, ci::RTT_REQUEST);
    }

    pub fn write_response(&self, out: &mut Vec<u8>) {
        self.write(out, ci::RTT_RESPONSE);
    }

    fn write(&self, out: &mut Vec<u8>, control: u16) {
        append(out, control, |out| {
            out.extend_from_slice(&self.ssrc.to_be_bytes());
            out.extend_from_slice(&self.time.to_be_bytes());
            out.extend_from_slice(&self.delay_us.to_be_bytes());
            out.extend_from_slice(self.padding);
        });
    }
}

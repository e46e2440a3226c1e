//! The sequence extension before NACKs (TR-06-2:2022 §8.4). libRIST reads but never sends it.

use super::Rtcp;
use crate::wire::Result;
use crate::wire::bytes::Reader;

pub(super) const APP_SUBTYPE: u8 = 1;

/// `body` is what follows the name.
pub(super) fn decode<'a>(ssrc: u32, body: &mut Reader) -> Result<Rtcp<'a>> {
    let high = body.u16()?;
    let _reserved = body.u16()?;
    Ok(Rtcp::SeqExtension { ssrc, high })
}

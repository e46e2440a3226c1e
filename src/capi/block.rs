//! Received blocks in the hands of C.

use super::handle::Handle;
use super::headers::*;
use super::pointer;
use crate::protocol::output::Delivery;
use crate::runtime::context::Block;
use std::ptr;

/// What a `rist_data_block` pointer that we gave out points to. It owns its bytes, so it may outlive the context.
#[repr(C)]
struct OwnedBlock {
    // First: a pointer to the block is one to its owner.
    block: rist_data_block,
    delivery: Delivery,
}

/// Hands a block to C. It comes back through [`free`].
pub(super) fn give(block: Block, handle: Handle) -> *mut rist_data_block {
    let Block { delivery, overflow } = block;
    let flags = [
        (delivery.discontinuity, rist_data_block_receiver_flags::RIST_DATA_FLAGS_DISCONTINUITY),
        (delivery.flow_start, rist_data_block_receiver_flags::RIST_DATA_FLAGS_FLOW_BUFFER_START),
        (overflow, rist_data_block_receiver_flags::RIST_DATA_FLAGS_OVERFLOW),
    ];
    let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag as u32).sum();
    let block = rist_data_block {
        payload: delivery.payload.as_ptr().cast(),
        payload_len: delivery.payload.len(),
        ts_ntp: delivery.ts_ntp,
        virt_src_port: delivery.virt_src_port,
        virt_dst_port: delivery.virt_dst_port,
        peer: handle.as_peer(delivery.peer),
        flow_id: delivery.flow_id,
        seq: u64::from(delivery.seq),
        flags,
        r#ref: ptr::null_mut(),
    };
    let mut owned = Box::new(OwnedBlock { block, delivery });
    owned.block.r#ref = (&raw mut *owned).cast();
    Box::into_raw(owned).cast()
}

/// Takes a block back. Blocks that are not ours (no `ref`, or one that leads elsewhere) are left alone.
///
/// Contract: a possible pointer points to NULL or to a block; one of ours was not freed before.
pub(super) unsafe fn free(block: *mut *mut rist_data_block) {
    // SAFETY: the caller's contract.
    let Ok(pointer) = (unsafe { pointer::read(block) }) else { return };
    // SAFETY: the caller's contract.
    if let Ok(value) = unsafe { pointer::read(pointer) }
        && value.r#ref.cast::<rist_data_block>() == pointer
    {
        // SAFETY: only `give` makes a block refer to itself, and it made the box.
        drop(unsafe { Box::from_raw(pointer.cast::<OwnedBlock>()) });
    }
    // SAFETY: the caller's contract; it was readable.
    let _ = unsafe { pointer::write(block, ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::output::PeerId;
    use crate::protocol::payload::Pool;

    fn delivery() -> Delivery {
        Delivery {
            flow_id: 8,
            peer: PeerId(3),
            seq: 65535,
            ts_ntp: 9,
            virt_src_port: 1,
            virt_dst_port: 2,
            discontinuity: true,
            flow_start: false,
            payload: Pool::new().copy(b"abc"),
        }
    }

    #[test]
    fn a_block_is_freed_once_and_forgotten() {
        let block = Block { delivery: delivery(), overflow: true };
        let mut pointer = give(block, super::super::handle::Handle::TEST);
        // SAFETY: given just now.
        let value = unsafe { pointer.read() };
        assert_eq!((value.payload_len, value.seq, value.flags), (3, 65535, 5));
        // SAFETY: as above.
        unsafe { free(&raw mut pointer) };
        assert!(pointer.is_null());
        // SAFETY: NULL is allowed.
        unsafe { free(&raw mut pointer) };
        // SAFETY: NULL is allowed.
        unsafe { free(ptr::null_mut()) };
    }

    #[test]
    fn a_block_of_the_application_is_left_alone() {
        let mut block = rist_data_block {
            payload: ptr::null(),
            payload_len: 0,
            ts_ntp: 0,
            virt_src_port: 0,
            virt_dst_port: 0,
            peer: ptr::null_mut(),
            flow_id: 0,
            seq: 0,
            flags: 0,
            r#ref: ptr::null_mut(),
        };
        let mut pointer = &raw mut block;
        // SAFETY: a block of our own.
        unsafe { free(&raw mut pointer) };
        assert!(pointer.is_null());
    }
}

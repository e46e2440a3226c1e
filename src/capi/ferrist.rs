//! `ferrist.h`: what libRIST does not have. Here: many blocks with one call.

use super::boundary::{FAILED, Failure, count as answer, fence};
use super::headers::*;
use super::{block, instance, pointer, sender};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::time::Duration;

/// Sends many blocks to the peers, in order, as so many calls of rist_sender_data_write() would, for less work: the
/// datagrams of up to 64 blocks leave together. The call ends with the first block that is refused; those before it were
/// sent. Blocks whose ts_ntp is 0 get the time of the call, so those that leave together have the same. What other threads
/// write meanwhile may come between.
///
/// @param ctx sender context
/// @param blocks array of structures, not of pointers, sizeof(struct rist_data_block) apart; stays the caller's
/// @param count blocks in it, at most INT_MAX; with 0 nothing is done and blocks may be NULL
/// @return blocks that were sent, less than count if the block with that index was refused; if that is the first one, or
///         blocks or count are wrong, what rist_sender_data_write() returns on error
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_sender_data_write_batch(
    ctx: *mut rist_ctx,
    blocks: *const rist_data_block,
    count: usize,
) -> c_int {
    answer(|| {
        let instance = instance::sender(ctx)?;
        let Some(first) = array(blocks, count)? else { return Ok(0) };
        // Every number that is returned has to be an exact one.
        c_int::try_from(count).map_err(|_| FAILED)?;
        let mut refused = None;
        let writes = (0..count).map_while(|index| {
            // SAFETY: the contract of `capi`: the array has `count` blocks.
            let block = unsafe { first.add(index) };
            // SAFETY: the contract of `capi`; the payloads stay during the call.
            let write = unsafe { sender::read_block(block.as_ptr()) };
            write.map_err(|failure| refused = Some(failure)).ok()
        });
        let written = instance.context.write_batch(writes).map_err(sender::refused)?;
        match refused {
            Some(failure) if written == 0 => Err(failure),
            _ => Ok(c_int::try_from(written).unwrap_or(c_int::MAX)),
        }
    })
}

/// Takes received blocks out of the FIFO, as many as are there. Blocks of a flow stand together and in order. With several
/// flows, flow_id tells which is whose: the flow with the most blocks comes first, so that none is left to overflow.
///
/// Reading in batches and with rist_receiver_data_read2() may be mixed. With a notification descriptor there is still
/// one byte for each block.
///
/// @param ctx receiver context
/// @param[out] blocks array of pointers, which are set to the blocks; entries behind them are left alone. Free each with
///        rist_receiver_data_block_free2(), or all with rist_receiver_data_block_free_batch().
/// @param count entries in it; with 0 nothing is done and blocks may be NULL
/// @param timeout ms to wait for the first block, never for more; 0 or less for no wait
/// @return blocks that were taken, less than count if there were no more; 0 if there was none; -1 on error; -2 on a sender
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_read_batch(
    ctx: *mut rist_ctx,
    blocks: *mut *mut rist_data_block,
    count: usize,
    timeout: c_int,
) -> c_int {
    answer(|| {
        let instance = instance::receiver(ctx, Failure(-2))?;
        let Some(first) = array(blocks.cast_const(), count)? else { return Ok(0) };
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(0));
        let most = count.min(c_int::MAX as usize);
        let received = instance.context.read_batch(most, timeout)?;
        let taken = c_int::try_from(received.len()).unwrap_or(c_int::MAX);
        for (index, received) in received.into_iter().enumerate() {
            // SAFETY: the contract of `capi`: the array has `count` entries, and no more blocks were taken.
            let entry = unsafe { first.add(index) };
            // SAFETY: as above.
            unsafe { entry.write(block::give(received, instance.handle)) };
        }
        Ok(taken)
    })
}

/// Frees received blocks, as so many calls of rist_receiver_data_block_free2() would, and sets the pointers to NULL.
///
/// @param blocks array of pointers to blocks or NULL
/// @param count entries in it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_receiver_data_block_free_batch(blocks: *mut *mut rist_data_block, count: usize) {
    fence((), || {
        let Ok(Some(first)) = array(blocks.cast_const(), count) else { return };
        for index in 0..count {
            // SAFETY: the contract of `capi`: the array has `count` entries.
            let entry = unsafe { first.add(index) };
            // SAFETY: the contract of `capi`.
            unsafe { block::free(entry.as_ptr()) };
        }
    });
}

/// The first element of an array from C that can be one; none if it has no elements.
pub(super) fn array<T>(first: *const T, count: usize) -> Result<Option<NonNull<T>>, Failure> {
    if count == 0 {
        return Ok(None);
    }
    // No object is larger, and the addresses of its elements must not wrap.
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(FAILED);
    }
    pointer::checked(first).map(Some).ok_or(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_possible_ones() {
        let blocks = [1_u64, 2];
        let first = blocks.as_ptr();
        assert_eq!(array(first, 2), Ok(NonNull::new(first.cast_mut())));
        assert_eq!(array(first, 0), Ok(None));
        assert_eq!(array(std::ptr::null::<u64>(), 0), Ok(None));
        for count in [1, 2, usize::MAX] {
            assert_eq!(array(std::ptr::null::<u64>(), count), Err(FAILED));
        }
        for count in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 8 + 1] {
            assert_eq!(array(first, count), Err(FAILED), "{count}");
        }
    }
}

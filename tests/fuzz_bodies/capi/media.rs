//! Blocks in, blocks out.

use super::{Program, allowed, callbacks, status};
use crate::fuzz_bodies::input::Input;
use rist::capi::ferrist::{
    rist_receiver_data_block_free_batch, rist_receiver_data_read_batch, rist_sender_data_write_batch,
};
use rist::capi::headers::{rist_data_block, rist_peer};
use rist::capi::oob::{rist_oob_block, rist_oob_read, rist_oob_write};
use rist::capi::oob_typed::rist_oob_write_typed;
use rist::capi::receiver::{rist_receiver_data_block_free, rist_receiver_data_block_free2, rist_receiver_data_read2};
use rist::capi::sender::rist_sender_data_write;
use rist::capi::tunnel::{
    rist_data_fd_stats, rist_data_fd_stats_get, rist_receiver_data_fd_set, rist_sender_data_fd_set,
};
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

/// Sizes around the limits, and what streams are made of.
const SIZES: [usize; 12] = [1316, 188, 1, 2, 0, 1316, 204, 7, 9968, 9969, 9984, 9985];
const PAYLOAD: [u8; 9985] = [0x47; 9985];
const MOST_BLOCKS: usize = 64;
/// For a block, ms. The longest is enough for two sides to get to know each other within a few calls.
const WAITS: [i32; 6] = [0, 1, 3, -1, i32::MIN, 60];

pub(super) fn free(mut block: *mut rist_data_block) {
    unsafe { rist_receiver_data_block_free2(&mut block) };
    assert!(block.is_null());
}

fn block(input: &mut Input<'_>, peer: *mut rist_peer) -> rist_data_block {
    let payload_len = input.pick(&SIZES);
    let how = input.u8();
    rist_data_block {
        payload: if how & 15 == 15 { null() } else { PAYLOAD.as_ptr().cast() },
        payload_len,
        ts_ntp: if how >> 4 & 3 == 3 { input.u64() } else { 0 },
        virt_src_port: if how >> 6 == 3 { input.u16() } else { 0 },
        virt_dst_port: if how >> 6 == 3 { input.u16() } else { 0 },
        peer,
        flow_id: 7,
        seq: if how >> 6 == 2 { input.u64() } else { 0 },
        flags: if how >> 6 == 2 { u32::from(input.u8()) } else { 0 },
        r#ref: null_mut(),
    }
}

impl Program {
    fn block(&self, input: &mut Input<'_>) -> rist_data_block {
        let peer = self.peer(input);
        block(input, peer)
    }

    pub(super) fn write(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let hand_on = input.u8().is_multiple_of(8);
        let received = self.blocks.last().filter(|_| hand_on);
        if let Some(received) = received {
            let len = unsafe { (**received).payload_len };
            let answer = unsafe { rist_sender_data_write(context, *received) };
            assert!((-3..0).contains(&answer) || answer as usize == len, "{answer}");
            return;
        }
        let block = self.block(input);
        let times = 1 + input.u8() % 16;
        for _ in 0..times {
            let answer = unsafe { rist_sender_data_write(context, &block) };
            assert!((-3..0).contains(&answer) || answer as usize == block.payload_len, "{answer}");
            let impossible = block.payload.is_null() || !(1..=9968).contains(&block.payload_len);
            assert!(answer < 0 || !impossible, "{answer} for {} octets", block.payload_len);
        }
    }

    pub(super) fn write_batch(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let count = usize::from(input.u8() % 100);
        let kinds: Vec<_> = (0..1 + input.u8() % 3).map(|_| self.block(input)).collect();
        let blocks: Vec<_> = (0..count).map(|index| kinds[index % kinds.len()]).collect();
        let first = if input.u8() == 255 { null() } else { blocks.as_ptr() };
        let answer = unsafe { rist_sender_data_write_batch(context, first, count) };
        assert!((-3..=count as i32).contains(&answer), "{answer} of {count}");
        assert!(answer <= 0 || !first.is_null());
    }

    /// A received block is looked at and kept.
    fn keep(&mut self, block: *mut rist_data_block) {
        callbacks::look_at(block);
        self.blocks.push(block);
        if self.blocks.len() > MOST_BLOCKS {
            free(self.blocks.remove(0));
        }
    }

    pub(super) fn read(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let wait = input.pick(&WAITS);
        let mut block = null_mut();
        let answer = match input.u8() {
            255 => unsafe { rist_receiver_data_read2(context, null_mut(), wait) },
            _ => unsafe { rist_receiver_data_read2(context, &mut block, wait) },
        };
        assert!(answer >= -2 && (answer > 0) != block.is_null(), "{answer}");
        if !block.is_null() {
            self.taken += 1;
            self.keep(block);
        }
    }

    pub(super) fn read_batch(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let mut blocks = [null_mut(); 16];
        let count = usize::from(input.u8() % 17);
        let wait = input.pick(&WAITS);
        let answer = unsafe { rist_receiver_data_read_batch(context, blocks.as_mut_ptr(), count, wait) };
        assert!((-2..=count as i32).contains(&answer), "{answer} of {count}");
        let taken = usize::try_from(answer).unwrap_or(0);
        self.taken += taken;
        assert!(blocks.iter().enumerate().all(|(index, block)| block.is_null() == (index >= taken)));
        for block in &blocks[..taken] {
            callbacks::look_at(*block);
        }
        if input.flag() {
            // Null ones may be among them.
            unsafe { rist_receiver_data_block_free_batch(blocks.as_mut_ptr(), blocks.len()) };
            assert!(blocks.iter().all(|block| block.is_null()));
            return;
        }
        blocks[..taken].iter().for_each(|block| self.keep(*block));
    }

    pub(super) fn free_block(&mut self, input: &mut Input<'_>) {
        let mut block = self.blocks.pop().unwrap_or(null_mut());
        match input.u8() % 3 {
            0 => unsafe { rist_receiver_data_block_free(&mut block) },
            _ => unsafe { rist_receiver_data_block_free2(&mut block) },
        }
        // It is null now, and freed again for nothing.
        unsafe { rist_receiver_data_block_free2(&mut block) };
        unsafe { rist_receiver_data_block_free2(null_mut()) };
    }

    pub(super) fn out_of_band(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        if input.flag() {
            let mut block = null();
            let answer = unsafe { rist_oob_read(context, &mut block) };
            assert!(answer >= -1 && (answer > 0) != block.is_null(), "{answer}");
            if !block.is_null() {
                unsafe { callbacks::out_of_band(null_mut(), block) };
            }
            return;
        }
        let payload = if input.u8() == 255 { null() } else { PAYLOAD.as_ptr().cast() };
        let peer = self.peer(input);
        let block = rist_oob_block { peer, payload, payload_len: input.pick(&SIZES), ts_ntp: 0 };
        let possible = !block.payload.is_null() && (1..=9984).contains(&block.payload_len);
        assert!(!status(unsafe { rist_oob_write(context, &block) }) || possible);
        let protocol = input.pick(&[0x88b7, 0x0800, 0x0600, 0xffff, 0x88b5, 0x88b6, 0x888e, 0xcce0, 0x05ff, 0]);
        let possible = possible && !matches!(protocol, 0x88b5 | 0x88b6 | 0x888e | 0xcce0 | 0x05ff | 0);
        assert!(!status(unsafe { rist_oob_write_typed(context, &block, protocol) }) || possible);
    }

    pub(super) fn data_descriptor(&mut self, input: &mut Input<'_>) {
        let context = self.context(input);
        let (ours, theirs) = &self.pipes[0];
        let fd = if input.u8() == 255 { -1 } else { theirs.as_raw_fd() };
        match input.u8() % 4 {
            0 => allowed(unsafe { rist_receiver_data_fd_set(context, fd, u32::from(input.u8())) }),
            1 => {
                let most = usize::from(input.u16());
                allowed(unsafe { rist_sender_data_fd_set(context, fd, most, u32::from(input.u8())) });
            }
            2 => drop(ours.send(&PAYLOAD[..input.pick(&SIZES)])),
            _ => {
                let mut stats = rist_data_fd_stats { tx_packets: 0, tx_bytes: 0, rx_packets: 0, rx_bytes: 0 };
                allowed(unsafe { rist_data_fd_stats_get(context, &mut stats) });
            }
        }
    }
}

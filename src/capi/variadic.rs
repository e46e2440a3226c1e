//! `rist_log`, the one variadic function of the API.
//!
//! Stable Rust calls variadic functions but does not define them, and the symbols of a C object are not exported from
//! a Rust library. So the exported function is a single jump, which leaves all argument registers and the stack as
//! they are, to the C half in `csrc/log.c`. That one formats the text and calls [`ferrist_log_message`].

use super::boundary::fence;
use super::log_target::Target;
use super::logging::rist_logging_settings;
use super::pointer;
use std::ffi::{c_char, c_int};

#[cfg(any(
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "s390x",
    target_arch = "loongarch64"
))]
mod jump {
    use super::{c_char, c_int, rist_logging_settings};

    unsafe extern "C" {
        fn ferrist_log_variadic(settings: *mut rist_logging_settings, level: c_int, format: *const c_char, ...);
    }

    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub(super) unsafe extern "C" fn rist_log(_: *mut rist_logging_settings, _: c_int, _: *const c_char) {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        core::arch::naked_asm!("jmp {half}", half = sym ferrist_log_variadic);
        #[cfg(any(target_arch = "arm", target_arch = "aarch64", target_arch = "loongarch64"))]
        core::arch::naked_asm!("b {half}", half = sym ferrist_log_variadic);
        #[cfg(target_arch = "riscv64")]
        core::arch::naked_asm!("tail {half}", half = sym ferrist_log_variadic);
        #[cfg(target_arch = "s390x")]
        core::arch::naked_asm!("jg {half}", half = sym ferrist_log_variadic);
    }
}

/// On other processors the format is logged as it is.
#[cfg(not(any(
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "arm",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "s390x",
    target_arch = "loongarch64"
)))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rist_log(settings: *mut rist_logging_settings, level: c_int, format: *const c_char) {
    // SAFETY: the contract of `capi`.
    unsafe { ferrist_log_message(settings, level, format) };
}

/// Where the C half hands the finished text; hidden by `csrc/log.c`, so not part of the ABI.
#[unsafe(no_mangle)]
unsafe extern "C" fn ferrist_log_message(settings: *mut rist_logging_settings, level: c_int, text: *const c_char) {
    fence((), || {
        // SAFETY: the contract of `capi`.
        let Ok(settings) = (unsafe { pointer::read(settings) }) else { return };
        // SAFETY: the C half passes its own buffer, the other processors the application's format.
        let Ok(text) = (unsafe { pointer::text(text) }) else { return };
        Target::borrowed(&settings).write(level, (0, 0), text.to_bytes());
    });
}

//! The `evsocket_*` calls of `udpsocket.h`: a small loop that waits for sockets and calls their handlers.

use super::boundary::fence;
use super::pointer;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_short, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Waits for sockets and calls their handlers. Opaque.
pub struct evsocket_ctx {
    _private: [u8; 0],
}

/// One socket with its handlers. Opaque.
pub struct evsocket_event {
    _private: [u8; 0],
}

/// Called when a socket is ready: the context, the socket, what `poll` said of it, and the caller's argument.
type evsocket_handler = Option<unsafe extern "C" fn(*mut evsocket_ctx, c_int, c_short, *mut c_void)>;

/// What C holds are numbers, never pointers of ours: one that was destroyed or never made is recognised.
const CONTEXT_TAG: usize = 5;
const EVENT_TAG: usize = 7;
const TAG_BITS: u32 = 4;

const BAD: c_short = libc::POLLHUP | libc::POLLERR;

static NEXT: AtomicUsize = AtomicUsize::new(1);
static CONTEXTS: Mutex<BTreeMap<usize, Arc<Context>>> = Mutex::new(BTreeMap::new());

struct Context {
    stopped: AtomicBool,
    events: Mutex<Events>,
}

#[derive(Default)]
struct Events {
    /// Newest first, as libRIST serves them.
    list: Vec<Event>,
    /// Where the last round ended; the next one starts after it.
    last_served: usize,
}

#[derive(Clone, Copy)]
struct Event {
    number: usize,
    fd: c_int,
    events: c_short,
    handler: evsocket_handler,
    error_handler: evsocket_handler,
    argument: *mut c_void,
}

// SAFETY: the argument is only handed back to C, on the thread that runs the loop; C chose that thread.
unsafe impl Send for Event {}

/// Creates a context without events; free it with evsocket_destroy. NULL if there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_create() -> *mut evsocket_ctx {
    fence(ptr::null_mut(), || {
        let number = next(CONTEXT_TAG);
        let context = Context { stopped: AtomicBool::new(false), events: Mutex::default() };
        CONTEXTS.lock().insert(number, Arc::new(context));
        ptr::without_provenance_mut(number)
    })
}

/// Handles events until evsocket_loop_stop is called. timeout: how long one wait may take in milliseconds, -1 for
/// as long as it takes, 0 not to wait at all.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_loop(ctx: *mut evsocket_ctx, timeout: c_int) {
    fence((), || {
        while running(ctx).is_some() {
            evsocket_loop_single(ctx, timeout, 0);
        }
    });
}

/// Makes evsocket_loop return after the round it is in; evsocket_loop_single answers -1 from then on. May be
/// called from a handler or another thread.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_loop_stop(ctx: *mut evsocket_ctx) {
    fence((), || {
        if let Some(context) = find(ctx) {
            context.stopped.store(true, Ordering::Release);
        }
    });
}

/// Waits once, at most timeout milliseconds (-1: as long as it takes), and calls the handlers of at most
/// max_events ready sockets (0: all), those first whose turn it is.
///
/// Returns 0 also if nothing was ready; -1 if the context is NULL or stopped, -2 if it has no events, -4 if poll
/// failed. In these cases it first sleeps for the time-out, so that a caller's loop does not spin.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_loop_single(ctx: *mut evsocket_ctx, timeout: c_int, max_events: c_int) -> c_int {
    fence(-1, || {
        let result = running(ctx).map_or(-1, |context| single(ctx, &context, timeout, max_events));
        if result < 0 {
            sleep(timeout);
        }
        result
    })
}

/// Frees a context and its events. Handlers are not called afterwards; a handler may call it.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_destroy(ctx: *mut evsocket_ctx) {
    fence((), || {
        let context = CONTEXTS.lock().remove(&ctx.addr());
        if let Some(context) = context {
            context.stopped.store(true, Ordering::Release);
            context.events.lock().list.clear();
        }
    });
}

/// Adds a socket: when poll reports any of the events (EVSOCKET_EV_READ, EVSOCKET_EV_WRITE), callback is called.
/// A hang-up or an error goes to err_callback if there is one. arg is passed to both.
///
/// Returns what evsocket_delevent takes, or NULL if the context or the callback is NULL. May be called from a handler.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_addevent(
    ctx: *mut evsocket_ctx,
    fd: c_int,
    events: c_short,
    callback: Option<unsafe extern "C" fn(*mut evsocket_ctx, c_int, c_short, *mut c_void)>,
    err_callback: Option<unsafe extern "C" fn(*mut evsocket_ctx, c_int, c_short, *mut c_void)>,
    arg: *mut c_void,
) -> *mut evsocket_event {
    fence(ptr::null_mut(), || {
        let usable = |handler: evsocket_handler| handler.filter(|function| pointer::possible(*function as usize));
        let (Some(context), Some(handler)) = (find(ctx), usable(callback)) else {
            return ptr::null_mut();
        };
        let number = next(EVENT_TAG);
        let event =
            Event { number, fd, events, handler: Some(handler), error_handler: usable(err_callback), argument: arg };
        let mut table = context.events.lock();
        table.list.insert(0, event);
        table.rebuilt();
        ptr::without_provenance_mut(number)
    })
}

/// Removes a socket. Its handlers are not called again, not even in the round that is going on. May be called from a
/// handler. NULL and an event that is gone are ignored.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_delevent(ctx: *mut evsocket_ctx, e: *mut evsocket_event) {
    fence((), || {
        if let Some(context) = find(ctx) {
            let mut table = context.events.lock();
            table.list.retain(|event| event.number != e.addr());
            table.rebuilt();
        }
    });
}

/// How many events the context has; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn evsocket_geteventcount(ctx: *mut evsocket_ctx) -> c_int {
    fence(0, || {
        let count = find(ctx).map_or(0, |context| context.events.lock().list.len());
        c_int::try_from(count).unwrap_or(c_int::MAX)
    })
}

impl Events {
    /// libRIST starts the round after a change behind the second event.
    fn rebuilt(&mut self) {
        self.last_served = 1;
    }
}

/// Waits once and calls handlers. No lock is held while C runs.
fn single(ctx: *mut evsocket_ctx, context: &Context, timeout: c_int, max_events: c_int) -> c_int {
    let (snapshot, start) = {
        let table = context.events.lock();
        (table.list.clone(), table.last_served + 1)
    };
    if snapshot.is_empty() {
        return -2;
    }
    let mut polled: Vec<libc::pollfd> =
        snapshot.iter().map(|event| libc::pollfd { fd: event.fd, events: event.events, revents: 0 }).collect();
    let Ok(count) = libc::nfds_t::try_from(polled.len()) else { return -4 };
    // SAFETY: the array is ours and has that many entries.
    match unsafe { libc::poll(polled.as_mut_ptr(), count, timeout) } {
        ..0 => return -4,
        0 => return 0,
        _ => {}
    }
    let most = usize::try_from(max_events).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
    let length = snapshot.len();
    let ready = (0..length).map(|turn| (start + turn) % length);
    let mut served = 0;
    for index in ready {
        let (Some(event), Some(revents)) = (snapshot.get(index), polled.get(index).map(|entry| entry.revents)) else {
            continue;
        };
        if revents == 0 {
            continue;
        }
        {
            let mut table = context.events.lock();
            // A handler before this one may have deleted it.
            if !table.list.iter().any(|present| present.number == event.number) {
                continue;
            }
            table.last_served = index;
        }
        let failed = revents & BAD != 0;
        let handler = if failed { event.error_handler.or(event.handler) } else { event.handler };
        if let Some(handler) = handler {
            // SAFETY: the C contract: a handler of this type, valid as long as its event.
            unsafe { handler(ctx, event.fd, revents, event.argument) };
        }
        served += 1;
        if served == most {
            break;
        }
    }
    0
}

fn find(ctx: *mut evsocket_ctx) -> Option<Arc<Context>> {
    CONTEXTS.lock().get(&ctx.addr()).cloned()
}

fn running(ctx: *mut evsocket_ctx) -> Option<Arc<Context>> {
    find(ctx).filter(|context| !context.stopped.load(Ordering::Acquire))
}

fn next(tag: usize) -> usize {
    (NEXT.fetch_add(1, Ordering::Relaxed) << TAG_BITS) | tag
}

fn sleep(timeout: c_int) {
    if let Ok(timeout @ 1..) = u64::try_from(timeout) {
        std::thread::sleep(Duration::from_millis(timeout));
    }
}

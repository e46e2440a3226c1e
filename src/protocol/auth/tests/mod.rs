//! Callers against listeners.

mod agreement;
mod attacks;
mod captures;
mod exchange;
mod forgeries;
mod network;
mod refusals;
mod world;

//! Callers against listeners.

mod agreement;
mod attacks;
mod captures;
mod exchange;
mod network;
mod refusals;
mod world;

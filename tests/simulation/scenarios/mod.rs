//! Scenarios with a name, by subject.

mod advanced;
mod bonding;
mod change;
mod changing;
mod company;
mod damage;
mod extremes;
mod forged_nonces;
mod hostile;
mod idle;
mod legs;
mod mute;
mod pairs;
mod recovery;
mod settings;
mod sharing;
mod statistics;
mod stock;
mod time;
mod timing;
mod trouble;
mod tunnel;
mod weaknesses;
mod week;

//! Scenarios with a name, by subject.

mod bonding;
mod change;
mod damage;
mod hostile;
mod idle;
mod time;

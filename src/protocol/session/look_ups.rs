//! How often the application is asked who a user is. It may take its time to answer, on the thread that serves media,
//! and a stranger can make us ask with two small packets from each of its ports.

use crate::protocol::time::{Span, Time};
use std::collections::HashMap;
use std::net::IpAddr;

const PERIOD: Span = Span::from_secs(1);
/// Questions in a period, and of these for the sake of one address.
const MOST: u32 = 100;
const MOST_OF_ADDRESS: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct LookUps {
    since: Option<Time>,
    asked: u32,
    of_address: HashMap<IpAddr, u32>,
}

impl LookUps {
    /// Counts one more, if it may be asked now.
    pub(super) fn may_ask(&mut self, now: Time, address: Option<IpAddr>) -> bool {
        if self.since.is_none_or(|since| now.since(since) >= PERIOD) {
            self.since = Some(now);
            self.asked = 0;
            self.of_address.clear();
        }
        if self.asked >= MOST {
            return false;
        }
        if let Some(address) = address {
            let of_address = self.of_address.entry(address).or_default();
            if *of_address >= MOST_OF_ADDRESS {
                return false;
            }
            *of_address += 1;
        }
        self.asked += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_about_a_few_times_a_second_and_all_together_not_often() {
        let mut look_ups = LookUps::default();
        let at = |ms| Time::from_ticks(1 << 60) + Span::from_millis(ms);
        let mut asked = |ms, last| look_ups.may_ask(at(ms), Some(IpAddr::from([192, 0, 2, last])));
        assert_eq!((0..50).filter(|_| asked(0, 1)).count(), 10);
        assert_eq!((2..200).filter(|last| asked(500, *last)).count(), 90);
        assert!(!asked(999, 250) && asked(1000, 250) && asked(1001, 1));
    }
}

//! Which initialisation vectors of a key were seen: what was sealed once is taken once.

/// How far behind the highest one an IV may be and still be taken.
/// A sender shares its key among all who came by themselves, so that each of them sees a part of the IVs only.
pub const WINDOW: u32 = 8192;

const WORDS: usize = WINDOW as usize / 64;

/// The window of one key and one sender. IVs only grow under a key, so nothing here wraps.
///
/// A packet that is asked for again is to be sealed again, under a new IV: the same datagram would be refused.
/// Only what was authenticated may be shown to it, or a forger could push the window away.
#[derive(Debug, Clone)]
pub struct Window {
    highest: Option<u32>,
    /// A bit for each of the last IVs, at its number modulo the window.
    seen: [u64; WORDS],
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

impl Window {
    pub fn new() -> Self {
        Self { highest: None, seen: [0; WORDS] }
    }

    /// The window of a key that was known before, up to this IV: nothing up to there is taken any more.
    pub fn after(highest: u32) -> Self {
        Self { highest: Some(highest), seen: [u64::MAX; WORDS] }
    }

    pub fn highest(&self) -> Option<u32> {
        self.highest
    }

    /// Takes an IV: whether it is new, and not too old to know.
    pub fn accept(&mut self, iv: u32) -> bool {
        let behind = match self.highest {
            Some(highest) if iv <= highest => highest - iv,
            Some(highest) => {
                self.forget(highest, iv);
                0
            }
            None => 0,
        };
        if behind >= WINDOW {
            return false;
        }
        self.highest = Some(self.highest.unwrap_or(iv).max(iv));
        let (word, bit) = place(iv);
        let Some(word) = self.seen.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Clears the places of the IVs after `highest`, up to `iv`.
    fn forget(&mut self, highest: u32, iv: u32) {
        if iv - highest >= WINDOW {
            self.seen = [0; WORDS];
            return;
        }
        for between in highest + 1..=iv {
            let (word, bit) = place(between);
            if let Some(word) = self.seen.get_mut(word) {
                *word &= !bit;
            }
        }
    }
}

fn place(iv: u32) -> (usize, u64) {
    let at = iv % WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

/// The IVs of one key, for who seals. After the last one a new key is needed.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    used: u64,
}

impl Counter {
    /// The next IV, from 0 on. `None` when all were used.
    pub fn take(&mut self) -> Option<u32> {
        let iv = u32::try_from(self.used).ok()?;
        self.used += 1;
        Some(iv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn the_ends_of_the_line_are_reached_and_not_passed() {
        let mut window = Window::new();
        assert!(window.accept(u32::MAX) && !window.accept(u32::MAX));
        assert!(window.accept(u32::MAX - WINDOW + 1) && !window.accept(u32::MAX - WINDOW) && !window.accept(0));
        let mut window = Window::new();
        assert!(window.accept(0) && !window.accept(0) && window.accept(u32::MAX));
        let mut window = Window::after(5000);
        assert!(!window.accept(5000) && !window.accept(0) && window.accept(5001) && !window.accept(5001));
        assert_eq!(window.highest(), Some(5001));
        let mut counter = Counter { used: u64::from(u32::MAX) };
        assert_eq!((counter.take(), counter.take(), counter.take()), (Some(u32::MAX), None, None));
        assert_eq!(Counter::default().take(), Some(0));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list(start: u32, steps in prop::collection::vec(-12_000i64..13_000, 1..500)) {
            let mut window = Window::new();
            let mut seen = HashSet::new();
            let mut highest = None;
            let mut iv = i64::from(start);
            for step in steps {
                iv = (iv + step).clamp(0, i64::from(u32::MAX));
                let iv = iv as u32;
                let old = highest.is_some_and(|highest: u32| highest.saturating_sub(iv) >= WINDOW);
                let expected = !old && !seen.contains(&iv);
                prop_assert_eq!(window.accept(iv), expected, "{} after {:?}", iv, highest);
                if expected {
                    seen.insert(iv);
                    highest = Some(highest.unwrap_or(0).max(iv));
                }
            }
        }
    }
}

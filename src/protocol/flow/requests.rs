//! What is missing, and when which path is asked for it.

use super::Flow;
use super::faded::faded;
use super::path::Path;
use super::recovery_buffer::{Missing, Slot};
use crate::protocol::output::PeerId;
use crate::protocol::time::{Span, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A packet that runs behind its successor by less than this was reordered, not lost, whatever was seen before.
const REORDER_FLOOR: Span = Span::from_millis(1);
/// How long the greatest reordering seen is believed; then half of it, and so on.
const REORDER_MEMORY: Span = Span::from_secs(10);
/// Requests that fall due so closely together leave together.
const TOGETHER: Span = Span::from_micros(500);
/// libRIST (0.2.7 to 0.2.12) answers at most 88 requests per 5 ms at its default settings.
const SERVICE_TIME: Span = Span::from_micros(57);
/// However many wait for a busy sender: one of them is looked at in so long.
const LOOK: Span = Span::from_micros(5);
/// A last request is sent this much before its answer would come too late.
const GUARD: Span = Span::from_millis(1);

/// A repair may come so long after its packet's own time, or a tenth of the buffer as in libRIST, if nothing that follows
/// is due yet.
const LATENESS: Span = Span::from_millis(20);
/// Successors looked at to see until when a repair is of use.
const NEAR: u64 = 16;
/// Another path is asked next if its prospects are not so many times worse, or after so many tries.
const SIMILAR: i64 = 4;
const STUBBORN: u32 = 3;

/// Packets that may be missing at once, and more for each that has come.
const LEAST_MISSING: u64 = 64;
const MISSING_PER_PACKET: u64 = 4;

#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Due times and positions; entries that no longer agree with the buffer are stale.
    due: BinaryHeap<Reverse<(Time, u64)>>,
    /// Positions that are missing now.
    count: u32,
    /// The greatest disorder seen, and when.
    reorder: Option<(Time, Span)>,
    /// When the sender will have worked off what it was asked for.
    busy_until: Option<Time>,
    /// How often it was looked whether one may be asked for.
    #[cfg(test)]
    pub(super) looks: u32,
}

impl Requests {
    pub(super) fn clear(&mut self) {
        self.due.clear();
        self.count = 0;
        self.busy_until = None;
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn one_less(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    fn push(&mut self, due: Time, position: u64) {
        self.due.push(Reverse((due, position)));
    }

    /// How long a gap is watched before it is called a loss.
    fn allowance(&self, now: Time, ceiling: Span) -> Span {
        let learnt = faded(now, self.reorder, REORDER_MEMORY);
        (learnt.scaled(5, 4) + REORDER_FLOOR).min(ceiling.max(REORDER_FLOOR))
    }

    fn reordered_by(&mut self, now: Time, by: Span, ceiling: Span) {
        let by = by.min(ceiling);
        let remembered = self.allowance(now, ceiling) - REORDER_FLOOR;
        if by.scaled(5, 4) >= remembered {
            self.reorder = Some((now, by));
        }
    }
}

impl Flow {
    /// Positions between `before` and `after` have been skipped on `path`.
    pub(super) fn notice_gap(&mut self, now: Time, path: PeerId, before: (u64, Time), after: (u64, Time)) {
        if !self.config.recovery {
            return;
        }
        let from = self.line.as_ref().map_or(after.0, |line| line.next_out);
        let due = now + self.requests.allowance(now, self.config.reorder_buffer) + self.slower_paths(now, path);
        let quickest = self.paths.iter().map(Path::quickest).min().unwrap_or(Span::ZERO);
        let answer = self.paths.iter().map(Path::answer_after).min().unwrap_or(Span::ZERO);
        let lateness = self.lateness();
        // Evenly spaced between their neighbours, or closer to the later one: in a pause nothing is lost.
        let even = after.1.since(before.1).scaled(1, (after.0 - before.0) as i64);
        let usual = self.line.as_ref().and_then(|line| line.pace.interval()).unwrap_or(even);
        let spacing = even.min(usual);
        // A few packets can not make us ask for tens of thousands: of a leap, the newest part.
        let budget = LEAST_MISSING + self.arrived.saturating_mul(MISSING_PER_PACKET);
        let budget = budget.saturating_sub(u64::from(self.requests.count));
        for position in (before.0 + 1).max(after.0.saturating_sub(budget))..after.0 {
            let release = after.1 - spacing.scaled((after.0 - position) as i64, 1);
            // A hole is final when its successor is due: until then it delays nobody but itself.
            let deadline = after.1.min(release + lateness);
            let hopeless = now + quickest > deadline;
            if hopeless || !matches!(self.buffer.get(position), Slot::Unknown) {
                continue;
            }
            // Patience must not cost the only try.
            let last_chance = (deadline - answer - GUARD).max(now);
            let early = last_chance < due && self.haste.asks_early();
            let due = if early { last_chance } else { due };
            let missing = Missing {
                noticed: now,
                due,
                tries: 0,
                last_request: now,
                earlier_request: now,
                asked: path,
                early,
                release,
                before: before.1,
                deadline,
                buffer: self.target,
            };
            self.buffer.put(from, position, Slot::Missing(missing));
            self.requests.count += 1;
            self.requests.push(due, position);
        }
    }

    /// How long after its own time a repair may come.
    pub(super) fn lateness(&self) -> Span {
        LATENESS.max(self.target.scaled(1, 10))
    }

    /// How much longer than by `path` a packet may be under way by another path of the flow.
    fn slower_paths(&self, now: Time, path: PeerId) -> Span {
        let Some(this) = self.paths.iter().find(|p| p.peer == path) else { return Span::ZERO };
        self.paths
            .iter()
            .filter(|other| other.peer != path && other.is_flowing(now))
            .map(|other| other.behind(this))
            .max()
            .unwrap_or(Span::ZERO)
    }

    /// A first transmission came by `path`. A gap that every flowing path has passed needs no more patience.
    pub(super) fn passed_by(&mut self, now: Time, path: PeerId, position: u64, lateness: Span) {
        let Some(this) = self.paths.iter_mut().find(|p| p.peer == path) else { return };
        let old = this.advance(now, position, lateness);
        if self.paths.len() < 2 {
            return;
        }
        let slowest = self.paths.iter().filter(|p| p.is_flowing(now)).filter_map(|p| p.highest).min();
        let (Some(old), Some(slowest)) = (old, slowest) else { return };
        let due = now + self.requests.allowance(now, self.config.reorder_buffer);
        // What was handed out while a path was away is no gap any more.
        let first = self.line.as_ref().map_or(position, |line| line.next_out);
        for gap in first.max(old + 1)..slowest.min(position) {
            #[cfg(test)]
            {
                self.requests.looks += 1;
            }
            if let Some(Slot::Missing(missing)) = self.buffer.get_mut(gap)
                && missing.tries == 0
                && missing.due > due
            {
                missing.due = due;
                self.requests.push(due, gap);
            }
        }
    }

    /// A packet that was missing has come.
    pub(super) fn found(&mut self, now: Time, position: u64, path: PeerId, retransmit: bool, missing: Missing) {
        self.requests.one_less();
        if missing.tries > 0 {
            self.counters.recovered_after(missing.tries);
        }
        if !retransmit {
            self.counters.reordered += 1;
            if missing.early && missing.tries > 0 {
                self.haste.turned_out(false);
            }
            // Paths that differ are no disorder.
            if self.paths.iter().any(|p| p.peer == path && p.highest.is_some_and(|highest| highest > position)) {
                self.requests.reordered_by(now, now.since(missing.noticed), self.config.reorder_buffer);
            }
            return;
        }
        self.size.repair_took(now, missing.buffer - missing.release.since(now));
        let slack = self.requests.allowance(now, self.config.reorder_buffer);
        let Some(by) = self.paths.iter_mut().find(|p| p.peer == path && missing.asked == path) else { return };
        by.answered();
        let rtt_min = by.state.rtt_min;
        if let Some(request) = missing.answered_request(now, by.quickest()) {
            by.repaired(now, now.since(request));
        }
        let answered = missing.latest_answerable(now, by.quickest());
        // Requests are answered in order: an answer to a later one means that an earlier one got lost. A sender that paces
        // its repairs and refuses what waits already makes that a guess: it does not spend the last half of the tries.
        let half = self.config.max_retries / 2;
        for (sent, position) in by.overtaken(answered, slack) {
            let due = now.max(sent + rtt_min + TOGETHER);
            if let Some(Slot::Missing(other)) = self.buffer.get_mut(position)
                && other.last_request == sent
                && other.due > due
                && other.tries <= half
            {
                other.due = due;
                self.requests.push(due, position);
            }
        }
    }

    /// When requests are due next.
    pub(in crate::protocol) fn next_request(&mut self) -> Option<Time> {
        while let Some(Reverse((due, position))) = self.requests.due.peek().copied() {
            if matches!(self.buffer.get(position), Slot::Missing(missing) if missing.due == due) {
                return Some(due);
            }
            self.requests.due.pop();
        }
        None
    }

    /// Everything that has to be asked for now: sequence numbers in order, by the peer to ask.
    pub(in crate::protocol) fn due_requests(&mut self, now: Time) -> Vec<(PeerId, Vec<u32>)> {
        let mut asked: Vec<(PeerId, Vec<u64>)> = Vec::new();
        while let Some(due) = self.next_request() {
            if due > now + TOGETHER {
                break;
            }
            let Some(Reverse((_, position))) = self.requests.due.pop() else { break };
            let Some(peer) = self.ask(now, position) else { continue };
            match asked.iter_mut().find(|(to, _)| *to == peer) {
                Some((_, positions)) => positions.push(position),
                None => asked.push((peer, vec![position])),
            }
        }
        let line = self.line.as_ref();
        let in_order = |mut positions: Vec<u64>| {
            positions.sort_unstable();
            positions.into_iter().map(|position| line.map_or(0, |line| line.number(position))).collect()
        };
        asked.into_iter().map(|(peer, positions)| (peer, in_order(positions))).collect()
    }

    /// Chooses whom to ask for `position`, or gives it up.
    fn ask(&mut self, now: Time, position: u64) -> Option<PeerId> {
        #[cfg(test)]
        {
            self.requests.looks += 1;
        }
        let Slot::Missing(mut missing) = *self.buffer.get(position) else { return None };
        let max_retries = self.config.max_retries;
        let deadline = self.deadline(now, position, &missing);
        let left = deadline.since(now);
        let Some(choice) = choose_path(&self.paths, missing.tries, left) else {
            self.put_off(position, missing, now + Span::from_millis(20));
            return None;
        };
        if missing.tries >= max_retries || left < self.paths[choice].quickest() {
            self.give_up(now, position);
            return None;
        }
        if let Some(until) = self.paths[choice].may_ask_at(now) {
            self.put_off(position, missing, until);
            return None;
        }
        if missing.tries > 0 {
            if let Some(until) = self.being_served(now, &missing, deadline) {
                self.put_off(position, missing, until);
                return None;
            }
            self.judge_earlier(now, &missing);
        }
        let path = &mut self.paths[choice];
        path.asked(now, position);
        let service = self.requests.busy_until.filter(|busy| *busy > now).unwrap_or(now) + SERVICE_TIME;
        self.requests.busy_until = Some(service);
        self.counters.missing += u32::from(missing.tries == 0);
        self.counters.retries += 1;
        missing.tries += 1;
        (missing.earlier_request, missing.last_request) = (missing.last_request, now);
        missing.asked = path.peer;
        let mut next = service + path.retry_after();
        // The second half of the tries is spread over the time that is left.
        if missing.tries > max_retries / 2 {
            next = next.max(now + left.scaled(1, i64::from(max_retries - missing.tries + 1)));
        }
        // When the time is too short for another round, one more try may still be made just in time, although the
        // answer to this one can be under way by then.
        let last_chance = deadline - path.answer_after() - GUARD;
        let room = last_chance.since(now) >= path.least_spacing() + TOGETHER;
        if next > last_chance && room && self.haste.repeats_on_suspicion(missing.tries) {
            next = last_chance;
        }
        let peer = path.peer;
        self.put_off(position, missing, next);
        Some(peer)
    }

    /// Until when an answer can still be expected from a sender that is busy with what it was asked for.
    fn being_served(&self, now: Time, missing: &Missing, deadline: Time) -> Option<Time> {
        let path = self.paths.iter().find(|path| path.peer == missing.asked)?;
        let until = path.being_served(now, missing.last_request)?;
        let last_chance = deadline - path.answer_after() - GUARD;
        let patient = until.max(now + LOOK.scaled(i64::from(self.requests.count), 1));
        [patient, until].into_iter().find(|until| *until < last_chance)
    }

    /// Asked again: an answer to the request before that should have come by now is counted against its path.
    fn judge_earlier(&mut self, now: Time, missing: &Missing) {
        let Some(path) = self.paths.iter_mut().find(|path| path.peer == missing.asked) else { return };
        if now.since(missing.last_request) >= path.answer_after() {
            path.failed();
        }
    }

    fn put_off(&mut self, position: u64, mut missing: Missing, due: Time) {
        missing.due = due;
        if let Some(slot) = self.buffer.get_mut(position) {
            *slot = Slot::Missing(missing);
            self.requests.push(due, position);
        }
    }

    /// Until when a missing packet may come. It should come in its own time; when that can not be any more, the time of
    /// the first successor that is there is what counts.
    fn deadline(&self, now: Time, position: u64, missing: &Missing) -> Time {
        let successor = (position + 1..=position + NEAR).find_map(|next| match self.buffer.get(next) {
            Slot::Present(packet) => Some(packet.release),
            _ => None,
        });
        let last = successor.map_or(missing.deadline, |release| missing.deadline.min(release));
        let interval = self.line.as_ref().and_then(|line| line.pace.interval()).unwrap_or(Span::ZERO);
        let own = last.min(missing.release + interval);
        let answer = self.paths.iter().map(Path::answer_after).min().unwrap_or(Span::ZERO);
        if own.since(now) >= answer { own } else { last }
    }

    fn give_up(&mut self, now: Time, position: u64) {
        let Some(slot) = self.buffer.get_mut(position) else { return };
        if let Slot::Missing(missing) = std::mem::take(slot) {
            self.not_found(now, &missing);
        }
    }

    /// A packet that was missing has not come.
    pub(super) fn not_found(&mut self, now: Time, missing: &Missing) {
        self.requests.one_less();
        if missing.tries > 0 {
            self.judge_earlier(now, missing);
        }
    }
}

/// Whom to ask when `left` is the time until the answer is of no use: of the paths that can answer in time the one with
/// the highest priority, then with the best prospect of an answer; another one on each further try.
fn choose_path(paths: &[Path], tries: u32, left: Span) -> Option<usize> {
    if paths.len() == 1 {
        return Some(0);
    }
    let trusted = paths.iter().any(|path| path.trusted);
    let usable = paths.iter().any(|path| path.state.usable && path.trusted == trusted);
    let fits = |path: &Path| path.trusted == trusted && (!usable || path.state.usable);
    let in_time = paths.iter().any(|path| fits(path) && path.quickest() <= left);
    let mut order: Vec<usize> =
        (0..paths.len()).filter(|i| fits(&paths[*i]) && (!in_time || paths[*i].quickest() <= left)).collect();
    order.sort_by_key(|index| {
        let path = &paths[*index];
        (Reverse(path.state.priority), path.cost())
    });
    let best = order.first().map_or(0, |index| paths[*index].cost());
    let similar = order.iter().take_while(|index| paths[**index].cost() <= best.saturating_mul(SIMILAR)).count();
    let count = if tries < STUBBORN { similar } else { order.len() };
    order.get(tries as usize % count.max(1)).copied()
}

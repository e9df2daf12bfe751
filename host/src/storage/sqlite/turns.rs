//! Whose work is next. Each tenant has a lane of its own; lanes take turns by the work that is in
//! them, so that however much one tenant wants written, the others wait for one piece of it. Who had
//! much done rests for some time, while others are there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::limits::{
    CROWDED_FOR, GROUP_TASKS_MAX, GROUP_WORK_MAX, REST_AFTER, REST_TIMES, TURN_WORK,
};

/// What waits, in lanes.
pub(super) struct Turns<T> {
    queue: Mutex<Queue<T>>,
    arrived: Condvar,
}

struct Queue<T> {
    lanes: HashMap<String, Lane<T>>,
    /// The lanes in which something waits; the first has the next turn.
    order: VecDeque<String>,
    group: Group,
    /// Whose task is under way, since when.
    present: Option<(String, Instant)>,
    /// The two lanes that had a turn last, and when.
    latest: [Option<(String, Instant)>; 2],
    closed: bool,
}

struct Lane<T> {
    /// Tasks and their work.
    waiting: VecDeque<(usize, T)>,
    /// Work that it took beyond its turns.
    debt: usize,
    /// It has had a turn in the present group, which took so long.
    served: bool,
    took: Duration,
    rests_until: Option<Instant>,
}

/// What the present group has come to.
#[derive(Default)]
struct Group {
    work: usize,
    tasks: usize,
    lanes: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            queue: Mutex::new(Queue {
                lanes: HashMap::new(),
                order: VecDeque::new(),
                group: Group::default(),
                present: None,
                latest: [None, None],
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }
}

impl<T> Turns<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work into a lane. False: nothing is taken any more.
    pub(super) fn push(&self, lane: &str, work: usize, task: T) -> bool {
        let mut queue = self.queue();
        if queue.closed {
            return false;
        }
        queue.push(lane, work, task);
        drop(queue);
        self.arrived.notify_one();
        true
    }

    /// Takes nothing more; what waits is still handed out.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.arrived.notify_one();
    }

    /// Waits for the first task of a new group. None: closed, and all is done.
    pub(super) fn first(&self) -> Option<T> {
        let mut queue = self.queue();
        loop {
            queue.begin_group();
            if let Some(task) = queue.next() {
                return Some(task);
            }
            if queue.order.is_empty() && queue.closed {
                return None;
            }
            queue = match queue.rest() {
                // All that waits has had more than its turn: the next round, then.
                Some(Duration::ZERO) => continue,
                Some(rest) => {
                    let waited = self.arrived.wait_timeout(queue, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The next task of the same group. None: the group is complete.
    pub(super) fn next_of_group(&self) -> Option<T> {
        let mut queue = self.queue();
        queue.stop_watch();
        if queue.group.work >= GROUP_WORK_MAX || queue.group.tasks >= GROUP_TASKS_MAX {
            return None;
        }
        queue.next()
    }
}

impl<T> Queue<T> {
    fn push(&mut self, name: &str, work: usize, task: T) {
        let lane = self.lanes.entry(name.to_owned()).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            debt: 0,
            served: false,
            took: Duration::ZERO,
            rests_until: None,
        });
        if lane.waiting.is_empty() {
            self.order.push_back(name.to_owned());
        }
        lane.waiting.push_back((work.max(1), task));
    }

    /// The task that was under way is done.
    fn stop_watch(&mut self) {
        if let Some((name, since)) = self.present.take()
            && let Some(lane) = self.lanes.get_mut(&name)
        {
            lane.took += since.elapsed();
        }
    }

    /// Every lane may have a turn again, and has paid one turn's work of its debt.
    fn begin_group(&mut self) {
        self.group = Group::default();
        self.present = None;
        let now = Instant::now();
        self.lanes.retain(|_, lane| {
            let took = std::mem::take(&mut lane.took);
            if took >= REST_AFTER {
                lane.rests_until = Some(now + took * REST_TIMES);
            }
            lane.rests_until = lane.rests_until.filter(|until| *until > now);
            lane.served = false;
            lane.debt = lane.debt.saturating_sub(TURN_WORK);
            lane.debt > 0 || lane.rests_until.is_some() || !lane.waiting.is_empty()
        });
    }

    /// Whether another lane had a turn lately.
    fn is_crowded(&self, name: &str) -> bool {
        let mut latest = self.latest.iter().flatten();
        latest.any(|(other, at)| other != name && at.elapsed() < CROWDED_FOR)
    }

    /// How long until the first of the lanes has rested. None: nothing waits.
    fn rest(&self) -> Option<Duration> {
        let now = Instant::now();
        let rests = self.order.iter().map(|name| {
            let until = self.lanes.get(name).and_then(|lane| lane.rests_until);
            until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
        });
        rests.min()
    }

    /// The next task whose lane has a turn.
    fn next(&mut self) -> Option<T> {
        for _ in 0..self.order.len() {
            let name = self.order.pop_front()?;
            let crowded = self.is_crowded(&name) || !self.order.is_empty();
            let Some(lane) = self.lanes.get_mut(&name) else {
                continue;
            };
            // Who has taken more than a turn lets the others pass, and those who wait for the
            // group's end. Alone it may go on.
            let alone = self.order.is_empty() && self.group.lanes == usize::from(lane.served);
            let rests = lane.rests_until.is_some() && crowded && !self.closed;
            if rests || (lane.debt >= TURN_WORK && !alone) {
                self.order.push_back(name);
                continue;
            }
            let Some((work, task)) = lane.waiting.pop_front() else {
                continue;
            };
            if !std::mem::replace(&mut lane.served, true) {
                self.group.lanes += 1;
            }
            lane.debt += work;
            self.group.work += work;
            self.group.tasks += 1;
            if !lane.waiting.is_empty() {
                // The rest of its turn comes at once: small tasks of one lane stay together.
                if lane.debt < TURN_WORK {
                    self.order.push_front(name.clone());
                } else {
                    self.order.push_back(name.clone());
                }
            }
            let now = Instant::now();
            if self.latest[0].as_ref().is_some_and(|(other, _)| *other != name) {
                self.latest.swap(0, 1);
            }
            self.latest[0] = Some((name.clone(), now));
            self.present = Some((name, now));
            return Some(task);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::storage::limits::{GROUP_WORK_MAX, TURN_WORK};

    /// The tasks of the groups that follow, until nothing waits.
    fn groups(turns: &Turns<&'static str>) -> Vec<Vec<&'static str>> {
        turns.close();
        let mut groups = Vec::new();
        while let Some(first) = turns.first() {
            let mut group = vec![first];
            group.extend(std::iter::from_fn(|| turns.next_of_group()));
            groups.push(group);
        }
        groups
    }

    #[test]
    fn what_waits_in_small_pieces_is_one_group_in_order() {
        let turns = Turns::default();
        for (lane, task) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1")] {
            assert!(turns.push(lane, 1, task));
        }
        assert_eq!(groups(&turns), [["a1", "a2", "b1", "c1"]]);
        assert!(!turns.push("a", 1, "late"));
    }

    #[test]
    fn who_wants_much_has_one_turn_a_group() {
        let turns = Turns::default();
        for task in ["big 1", "big 2", "big 3"] {
            turns.push("big", TURN_WORK, task);
        }
        turns.push("small", 1, "small");
        assert_eq!(groups(&turns), [vec!["big 1", "small"], vec!["big 2", "big 3"]]);
    }

    #[test]
    fn a_debt_is_paid_before_the_next_turn_but_only_where_somebody_waits() {
        let turns = Turns::default();
        turns.push("big", 3 * TURN_WORK, "big 1");
        turns.push("big", 1, "big 2");
        turns.push("small", TURN_WORK, "small 1");
        turns.push("small", TURN_WORK, "small 2");
        turns.push("small", TURN_WORK, "small 3");
        let all = groups(&turns);
        assert_eq!(
            all,
            [
                vec!["big 1", "small 1"],
                vec!["small 2"],
                vec!["small 3"],
                vec!["big 2"]
            ]
        );
    }

    #[test]
    fn a_lane_alone_fills_groups_up_to_their_limit() {
        let turns = Turns::default();
        for _ in 0..=GROUP_WORK_MAX / TURN_WORK {
            turns.push("alone", TURN_WORK, "task");
        }
        let sizes: Vec<usize> = groups(&turns).iter().map(Vec::len).collect();
        assert_eq!(sizes, [GROUP_WORK_MAX / TURN_WORK, 1]);
    }
}

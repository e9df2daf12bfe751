//! What was written here and is due at once is first offered to this host's own poll: other hosts would come for nothing,
//! all of them, for each job. They are told where this host does not take it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What this host's own poll may take first, by tenant.
#[derive(Default)]
pub(super) struct Offers {
    /// How many were made.
    made: u64,
    open: HashMap<String, Offer>,
}

struct Offer {
    /// The numbers of the first and the last writing that nobody has taken yet.
    first: u64,
    last: u64,
    until: Instant,
}

impl Offers {
    /// Something was written that is due at once: this host has it to itself for `wait`.
    pub(super) fn offer(&mut self, tenant: &str, now: Instant, wait: Duration) {
        self.made += 1;
        let number = self.made;
        match self.open.get_mut(tenant) {
            Some(offer) => offer.last = number,
            None => {
                let offer = Offer {
                    first: number,
                    last: number,
                    until: now + wait,
                };
                self.open.insert(tenant.to_owned(), offer);
            }
        }
    }

    /// How many were made so far: before a look at what is due.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// A look that began after so many found nothing due any more.
    pub(super) fn taken(&mut self, tenant: &str, made: u64, now: Instant, wait: Duration) {
        let Some(offer) = self.open.get_mut(tenant) else {
            return;
        };
        if offer.last <= made {
            self.open.remove(tenant);
        } else if offer.first <= made {
            offer.first = made + 1;
            offer.until = now + wait;
        }
    }

    /// This host has no room for it. False: it was not offered.
    pub(super) fn decline(&mut self, tenant: &str) -> bool {
        self.open.remove(tenant).is_some()
    }

    /// What was not taken in time.
    pub(super) fn lapsed(&mut self, now: Instant) -> Vec<String> {
        let lapsed = self.open.extract_if(|_, offer| offer.until <= now);
        lapsed.map(|(tenant, _)| tenant).collect()
    }

    /// When the next one lapses.
    pub(super) fn next(&self) -> Option<Instant> {
        self.open.values().map(|offer| offer.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Offers};

    const WAIT: Duration = Duration::from_millis(50);

    #[test]
    fn what_this_host_took_nobody_is_told() {
        let (mut offers, now) = (Offers::default(), Instant::now());
        offers.offer("a", now, WAIT);
        offers.offer("b", now, WAIT);
        offers.taken("a", offers.made(), now, WAIT);
        assert_eq!(offers.lapsed(now + WAIT), ["b"]);
        assert_eq!(offers.next(), None);
    }

    /// A look that began before the last writing says nothing of that one: it has its own time.
    #[test]
    fn a_look_answers_only_for_what_it_could_see() {
        let (mut offers, now) = (Offers::default(), Instant::now());
        offers.offer("a", now, WAIT);
        let made = offers.made();
        offers.offer("a", now, WAIT);
        let looked = now + WAIT / 2;
        offers.taken("a", made, looked, WAIT);
        assert!(offers.lapsed(now + WAIT).is_empty());
        // One that began before both changes nothing.
        offers.taken("a", 0, now + WAIT, WAIT);
        assert_eq!(offers.next(), Some(looked + WAIT));
        assert_eq!(offers.lapsed(looked + WAIT), ["a"]);
    }

    /// Who writes again and again does not keep others from being told.
    #[test]
    fn more_of_it_does_not_prolong_an_offer() {
        let (mut offers, now) = (Offers::default(), Instant::now());
        offers.offer("a", now, WAIT);
        offers.offer("a", now + WAIT / 2, WAIT);
        assert_eq!(offers.lapsed(now + WAIT), ["a"]);
        assert!(!offers.decline("a"));
        offers.offer("a", now, WAIT);
        assert!(offers.decline("a"));
        assert_eq!(offers.next(), None);
    }
}

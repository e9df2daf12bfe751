//! What runs and answers may use of their tenant's day. Many are under way at once, on several hosts: each sets aside a
//! part before it uses it, more as it goes on, and settles what it did use when it ends. What a host that died had set
//! aside counts for the rest of that day: it may have been used.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::agent::failure;
use crate::clock::Clock;
use crate::limits::RESERVED_AT_ONCE;
use crate::storage::Storage;
use crate::storage::usage::{Amounts, Booking};
use crate::tenants::Allowance;
use crate::wit::agent_pipeline::Outcome;
use crate::wit::types::{ErrorClass, Instant, Usage};

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Of a day so many shares can be under way at least.
const SHARES_OF_DAY: i64 = 20;

/// After how long it is worth to ask again for what others have set aside.
const HELD_RETRY_SECONDS: u32 = 30;

/// What the kinds are called.
const KINDS: [&str; 4] = ["tokens", "US dollars", "calls of tools", "seconds of runs"];

/// How often a part is asked for anew while others take from the same day.
const TRIES: usize = 8;

/// The share of one attempt, or of one answer, in its tenant's day. Cheap to clone.
#[derive(Clone, Default)]
pub struct DayBudget(Option<Arc<Of>>);

impl std::fmt::Debug for DayBudget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DayBudget")
    }
}

struct Of {
    storage: Arc<dyn Storage>,
    tenant: String,
    allowance: Arc<Allowance>,
    clock: Arc<dyn Clock>,
    began: std::time::Instant,
    share: Mutex<Share>,
}

#[derive(Default)]
struct Share {
    day: i64,
    reserved: Amounts,
    /// Of what was used, what earlier days were charged with.
    charged: Amounts,
}

/// Why nothing more may be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// `quota` where the day is used up.
    pub class: ErrorClass,
    /// In a sentence.
    pub message: String,
    /// Until the next day.
    pub retry_after_seconds: Option<u32>,
}

impl Refusal {
    pub(super) fn outcome(self) -> Outcome {
        Outcome {
            retry_after_seconds: self.retry_after_seconds,
            ..failure(self.class, self.message)
        }
    }
}

/// What was used, by a run's own count.
#[must_use]
pub(crate) fn amounts(usage: &Usage) -> Amounts {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    // A cast from a number that is none, or too great, ends at the bounds.
    let scaled = |number: f64, by: f64| (number * by).round() as i64;
    let used = Amounts {
        tokens: whole(usage.tokens_in.saturating_add(usage.tokens_out)),
        cost_micros: scaled(usage.cost_usd, 1e6),
        tool_calls: usage.tool_calls.into(),
        milliseconds: scaled(usage.seconds, 1e3),
    };
    used.bounded()
}

impl DayBudget {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        tenant: String,
        allowance: Arc<Allowance>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let began = std::time::Instant::now();
        let share = Mutex::default();
        Self(Some(Arc::new(Of {
            storage,
            tenant,
            allowance,
            clock,
            began,
            share,
        })))
    }

    /// Says what was used so far, and sets more aside where that is needed. Answers what may be used until it is asked
    /// again. Where the day has no limit it costs nothing.
    ///
    /// # Errors
    /// When the day is used up, or storage does not answer.
    pub async fn extend(&self, used: &Usage) -> Result<Amounts, Refusal> {
        let Some(of) = &self.0 else {
            return Ok(Amounts::UNLIMITED);
        };
        let limit = of.allowance.limits().per_day();
        if limit == Amounts::UNLIMITED {
            return Ok(limit);
        }
        let elapsed = i64::try_from(of.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let used = Amounts {
            milliseconds: elapsed,
            ..amounts(used)
        };
        let mut share = of.share.lock().await;
        of.extend(&mut share, used, limit).await
    }

    /// Settles what was used in the end.
    pub(crate) async fn settle(&self, used: &Usage) {
        let Some(of) = &self.0 else { return };
        let used = amounts(used);
        let mut share = of.share.lock().await;
        // Time alone is worth no row.
        let free = Amounts {
            milliseconds: 0,
            ..used
        };
        if free == Amounts::default() && share.reserved == Amounts::default() {
            return;
        }
        if share.day == 0 {
            share.day = of.today();
        }
        if let Err(error) = of.charge(&mut share, used).await {
            tracing::warn!(
                tenant = of.tenant,
                ?error,
                "what a run used could not be booked on its tenant's day; what was set aside for it still counts"
            );
        }
    }
}

impl Of {
    fn today(&self) -> i64 {
        self.clock.now().div_euclid(DAY_MS)
    }

    /// Books what was used on the share's day, and gives back what was set aside.
    async fn charge(
        &self,
        share: &mut Share,
        used: Amounts,
    ) -> Result<(), crate::wit::storage::StorageError> {
        let booking = Booking {
            used: used.minus(share.charged).bounded(),
            reserved: Amounts::default().minus(share.reserved),
            within: None,
        };
        self.storage.book(&self.tenant, share.day, booking).await?;
        share.charged = used;
        share.reserved = Amounts::default();
        Ok(())
    }

    async fn extend(&self, share: &mut Share, used: Amounts, limit: Amounts) -> Result<Amounts, Refusal> {
        let today = self.today();
        if share.day != today {
            if share.reserved != Amounts::default() {
                self.charge(share, used).await.map_err(|_| away())?;
            }
            share.day = today;
        }
        let used_today = used.minus(share.charged);
        for _ in 0..TRIES {
            let left = share.reserved.minus(used_today);
            let is_limited = |kind: usize| limit.each()[kind] < Amounts::UNLIMITED.each()[kind];
            let more = std::array::from_fn(|kind| match left.each()[kind] {
                left if is_limited(kind) && left <= 0 => at_once(kind, limit) - left,
                _ => 0,
            });
            let more = Amounts::of(more);
            if more == Amounts::default() {
                return Ok(left.with(limit, |left, limit| {
                    if limit < crate::limits::TENANT_USE_MAX {
                        left
                    } else {
                        limit
                    }
                }));
            }
            let of_day = self.storage.day_use(&self.tenant, today).await;
            let of_day = of_day.map_err(|_| away())?;
            let taken = of_day.used.plus(of_day.reserved);
            let free = limit.minus(taken);
            // What is left of the day has to cover what was used beyond the share, and more.
            let short = (0..more.each().len())
                .find(|kind| more.each()[*kind] > 0 && free.each()[*kind] <= (-left.each()[*kind]).max(0));
            if let Some(kind) = short {
                let used = of_day.used.plus(used_today).each()[kind];
                return Err(match used < limit.each()[kind] {
                    true => others_hold_it(kind),
                    false => self.used_up(kind, taken, limit, today),
                });
            }
            let more = more.with(free, |more, free| more.min(free.max(0)));
            let booking = Booking {
                reserved: more,
                within: Some(limit.with(taken, i64::max)),
                ..Booking::default()
            };
            let booked = self.storage.book(&self.tenant, today, booking).await;
            if booked.map_err(|_| away())? {
                share.reserved = share.reserved.plus(more);
            }
        }
        Err(away())
    }

    fn used_up(&self, kind: usize, taken: Amounts, limit: Amounts, today: i64) -> Refusal {
        let (taken, limit) = (taken.each()[kind], limit.each()[kind]);
        let name = KINDS[kind];
        let what = match kind {
            1 => format!("{:.2} of {:.2} {name}", taken as f64 / 1e6, limit as f64 / 1e6),
            3 => format!("{} of {} {name}", taken / 1_000, limit / 1_000),
            _ => format!("{taken} of {limit} {name}"),
        };
        let next: Instant = (today + 1) * DAY_MS;
        let seconds = (next - self.clock.now()).max(0) / 1_000 + 1;
        Refusal {
            class: ErrorClass::Quota,
            message: format!(
                "what this tenant may use in a day is used up: {what}; it is renewed at 0:00 UTC, and the operator can allow \
                 more"
            ),
            retry_after_seconds: Some(u32::try_from(seconds).unwrap_or(u32::MAX)),
        }
    }
}

/// How much is set aside at once: of a small day only a part, so that several may share it.
fn at_once(kind: usize, limit: Amounts) -> i64 {
    RESERVED_AT_ONCE[kind].min((limit.each()[kind] / SHARES_OF_DAY).max(1))
}

/// What is left is set aside for others, who may use less.
fn others_hold_it(kind: usize) -> Refusal {
    Refusal {
        class: ErrorClass::Transient,
        message: format!(
            "what this tenant may still use today ({}) is set aside for what is under way",
            KINDS[kind]
        ),
        retry_after_seconds: Some(HELD_RETRY_SECONDS),
    }
}

fn away() -> Refusal {
    Refusal {
        class: ErrorClass::Transient,
        message: "what the tenant used today could not be looked up".to_owned(),
        retry_after_seconds: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{DayBudget, Refusal};
    use crate::clock::ManualClock;
    use crate::limits::RESERVED_AT_ONCE;
    use crate::storage::Storage;
    use crate::storage::memory::MemoryStorage;
    use crate::storage::usage::Amounts;
    use crate::tenants::{Allowance, TenantLimits};
    use crate::wit::types::{ErrorClass, Usage};

    /// Noon of the 20,000th day.
    const NOON: i64 = 20_000 * super::DAY_MS + super::DAY_MS / 2;

    struct World {
        storage: Arc<MemoryStorage>,
        allowance: Arc<Allowance>,
        clock: Arc<ManualClock>,
    }

    impl World {
        fn new(limits: TenantLimits) -> Self {
            Self {
                storage: Arc::default(),
                allowance: Arc::new(Allowance::new(limits)),
                clock: Arc::new(ManualClock::new(NOON)),
            }
        }

        fn share(&self) -> DayBudget {
            let storage = Arc::clone(&self.storage) as Arc<dyn Storage>;
            let clock = Arc::clone(&self.clock);
            DayBudget::new(storage, "t".into(), Arc::clone(&self.allowance), clock)
        }

        async fn of_day(&self, day: i64) -> (i64, i64) {
            let of_day = self.storage.day_use("t", day).await.unwrap();
            (of_day.used.tokens, of_day.reserved.tokens)
        }
    }

    fn tokens(tokens: u64) -> Usage {
        Usage {
            tokens_in: tokens,
            tokens_out: 0,
            cost_usd: 0.0,
            tool_calls: 0,
            seconds: 0.0,
        }
    }

    fn limited(tokens_per_day: u64) -> TenantLimits {
        TenantLimits {
            tokens_per_day,
            ..TenantLimits::default()
        }
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_set_aside_and_what_is_used_is_counted() {
        let world = World::new(TenantLimits::default());
        let share = world.share();
        assert_eq!(share.extend(&tokens(0)).await, Ok(Amounts::UNLIMITED));
        share.settle(&tokens(0)).await;
        assert_eq!(world.of_day(20_000).await, (0, 0));
        share.settle(&tokens(7)).await;
        assert_eq!(world.of_day(20_000).await, (7, 0));
    }

    #[tokio::test]
    async fn shares_under_way_do_not_add_up_to_more_than_the_day() {
        let world = World::new(limited(100));
        let mut shares = Vec::new();
        for _ in 0..20 {
            let share = world.share();
            assert_eq!(share.extend(&tokens(0)).await.unwrap().tokens, 5);
            shares.push(share);
        }
        // All is set aside, and may be used less of: it is asked for again soon.
        let late = world.share();
        let refused = late.extend(&tokens(0)).await.unwrap_err();
        assert_eq!(
            (refused.class, refused.retry_after_seconds),
            (ErrorClass::Transient, Some(30))
        );
        assert!(
            refused.message.contains("(tokens) is set aside"),
            "{}",
            refused.message
        );
        // What is settled below its share makes room.
        shares[0].settle(&tokens(2)).await;
        assert_eq!(late.extend(&tokens(0)).await.unwrap().tokens, 3);
        for share in &shares[1..] {
            share.settle(&tokens(5)).await;
        }
        late.settle(&tokens(3)).await;
        assert_eq!(world.of_day(20_000).await, (100, 0));
        let refused = late.extend(&tokens(3)).await.unwrap_err();
        assert_eq!(
            (refused.class, refused.retry_after_seconds),
            (ErrorClass::Quota, Some(43_201))
        );
        assert!(
            refused.message.contains("100 of 100 tokens"),
            "{}",
            refused.message
        );
    }

    #[tokio::test]
    async fn a_share_grows_as_it_is_used_and_ends_where_the_day_does() {
        let at_once = RESERVED_AT_ONCE[0] as u64;
        let world = World::new(limited(20 * at_once));
        let share = world.share();
        let left = async |used: u64| share.extend(&tokens(used)).await.map(|left| left.tokens as u64);
        assert_eq!(left(0).await, Ok(at_once));
        assert_eq!(left(at_once - 1).await, Ok(1));
        // It used more than its share: that is covered first.
        assert_eq!(left(at_once + 40).await, Ok(at_once));
        assert_eq!(left(20 * at_once - 10).await, Ok(10));
        let refused: Refusal = left(20 * at_once).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::Quota);
        share.settle(&tokens(20 * at_once + 30)).await;
        assert_eq!(world.of_day(20_000).await, (20 * at_once as i64 + 30, 0));
    }

    #[tokio::test]
    async fn each_day_is_charged_with_what_was_used_on_it() {
        let world = World::new(limited(1_000_000));
        let share = world.share();
        share.extend(&tokens(0)).await.unwrap();
        world.clock.advance_to(NOON + super::DAY_MS);
        share.extend(&tokens(300)).await.unwrap();
        share.settle(&tokens(1_000)).await;
        assert_eq!(world.of_day(20_000).await, (300, 0));
        assert_eq!(world.of_day(20_001).await, (700, 0));
    }

    #[tokio::test]
    async fn every_kind_is_limited() {
        for (limits, word) in [
            (limited(0), "0 of 0 tokens"),
            (
                TenantLimits {
                    cost_cents_per_day: 0,
                    ..TenantLimits::default()
                },
                "0.00 of 0.00 US dollars",
            ),
            (
                TenantLimits {
                    tool_calls_per_day: 0,
                    ..TenantLimits::default()
                },
                "calls of tools",
            ),
            (
                TenantLimits {
                    run_seconds_per_day: 0,
                    ..TenantLimits::default()
                },
                "seconds of runs",
            ),
        ] {
            let refused = World::new(limits).share().extend(&tokens(0)).await.unwrap_err();
            assert!(refused.message.contains(word), "{}", refused.message);
        }
    }
}

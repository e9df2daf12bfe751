//! What a tenant's runs and conversations use in a day, in UTC: what was used, and what was set aside for what is under
//! way. It is the host's own; no component sees it.

use crate::limits::{TENANT_USE_MAX, USE_PER_BOOKING_MAX};

/// Of each kind so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Tokens in and out.
    pub tokens: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
    /// Calls of tools.
    pub tool_calls: i64,
    /// Milliseconds of work.
    pub milliseconds: i64,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 4;

impl Amounts {
    /// As many as no day comes to.
    pub const UNLIMITED: Self = Self::of([TENANT_USE_MAX; KINDS]);

    /// In the order of the fields.
    pub(crate) const fn of([tokens, cost_micros, tool_calls, milliseconds]: [i64; KINDS]) -> Self {
        Self {
            tokens,
            cost_micros,
            tool_calls,
            milliseconds,
        }
    }

    pub(crate) const fn each(self) -> [i64; KINDS] {
        [self.tokens, self.cost_micros, self.tool_calls, self.milliseconds]
    }

    /// One made of each kind of two.
    pub(crate) fn with(self, other: Self, one: impl Fn(i64, i64) -> i64) -> Self {
        let (these, others) = (self.each(), other.each());
        Self::of(std::array::from_fn(|kind| one(these[kind], others[kind])))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, i64::saturating_add)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.with(other, i64::saturating_sub)
    }

    /// Whether none of them is more than the other's.
    pub(crate) fn within(self, other: Self) -> bool {
        self.each()
            .iter()
            .zip(other.each())
            .all(|(one, other)| *one <= other)
    }

    /// No more than is booked at a time: sums stay far from the ends of numbers.
    pub(crate) fn bounded(self) -> Self {
        Self::of(self.each().map(|amount| amount.clamp(0, USE_PER_BOOKING_MAX)))
    }
}

/// A day of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayUse {
    /// What was used.
    pub used: Amounts,
    /// What is set aside for what is under way, or was when its host died.
    pub reserved: Amounts,
}

/// A change of a tenant's day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booking {
    /// Used meanwhile.
    pub used: Amounts,
    /// Set aside; less than 0 gives back.
    pub reserved: Amounts,
    /// Only where all that is used and reserved then is within this.
    pub within: Option<Amounts>,
}

impl DayUse {
    /// The day after a booking; none where it does not fit.
    pub(crate) fn after(self, booking: &Booking) -> Option<Self> {
        let after = Self {
            used: self.used.plus(booking.used),
            reserved: self.reserved.plus(booking.reserved),
        };
        let fits = booking
            .within
            .is_none_or(|within| after.used.plus(after.reserved).within(within));
        fits.then_some(after)
    }
}

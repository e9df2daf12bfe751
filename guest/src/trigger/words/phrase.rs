//! What the parts of a phrase say, before it is known what they mean together.

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::length::Length;
use super::token::{Part, Unit};

/// The bit of the last one among the ordinals.
pub(super) const LAST: u8 = 1 << 6;
/// Monday to Friday; bit 0 is Sunday.
pub(super) const WORKDAYS: u8 = 0b011_1110;
pub(super) const WEEKEND: u8 = 0b100_0001;
pub(super) const EVERY_WEEKDAY: u8 = 0b111_1111;

/// A day told from the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relative {
    /// Days from today.
    Day(u32),
    /// Weeks, months or years from the present one.
    Next(Unit, u32),
    /// The end of the present day, week, month or year, or of one this far ahead.
    End(Unit, u32),
    /// A length from now.
    In(Length),
    /// "a week from friday": a length after the day that the rest names.
    From(Length),
}

/// Days as they are named: weekdays, days of the month, dates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Days {
    /// Bit 0 is Sunday.
    pub(super) weekdays: u8,
    /// Which one of the weekdays in the month: bits 1 to 5, and `LAST`.
    pub(super) nth: u8,
    /// Bits 1 to 31.
    pub(super) monthdays: u32,
    pub(super) last_day: bool,
    /// Bits 1 to 12.
    pub(super) months: u16,
    pub(super) year: Option<i32>,
    pub(super) relative: Option<Relative>,
    /// "next friday": not today.
    pub(super) next: bool,
    /// Plural, a range, "every": the days come again.
    pub(super) again: bool,
    /// A part of the day that came with the day: "tomorrow morning", "tonight".
    pub(super) part: Option<Part>,
    pub(super) tonight: bool,
    /// "at the end of every month": at the end of the working day.
    pub(super) closing: bool,
}

impl Days {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether weekdays, days of the month or months are named.
    pub(super) fn selects(&self) -> bool {
        self.weekdays != 0 || self.monthdays != 0 || self.last_day || self.months != 0
    }

    pub(super) fn set_weekdays(&mut self, weekdays: u8) -> Result<(), Fault> {
        if self.weekdays != 0 {
            return wrong(
                "it names weekdays twice: put them into one list, as in \"every monday and friday\".",
            );
        }
        self.weekdays = weekdays;
        Ok(())
    }

    pub(super) fn set_monthdays(&mut self, monthdays: u32, last: bool) -> Result<(), Fault> {
        if self.monthdays != 0 || self.last_day {
            return wrong(
                "it names days of the month twice: put them into one list, as in \"on the 1st and 15th\".",
            );
        }
        (self.monthdays, self.last_day) = (monthdays, last);
        Ok(())
    }

    pub(super) fn set_months(&mut self, months: u16) -> Result<(), Fault> {
        if self.months != 0 && self.months != months {
            return wrong("it names months twice: put them into one list, as in \"in june and december\".");
        }
        self.months = months;
        Ok(())
    }

    pub(super) fn set_part(&mut self, part: Part) -> Result<(), Fault> {
        if self.part.is_some_and(|other| other != part) {
            return wrong("it names two parts of the day.");
        }
        self.part = Some(part);
        Ok(())
    }

    pub(super) fn set_relative(&mut self, relative: Relative) -> Result<(), Fault> {
        if self.relative.is_some_and(|other| other != relative) {
            return wrong("it names two different days.");
        }
        self.relative = Some(relative);
        Ok(())
    }
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Every {
    Seconds(u32),
    /// Days and more follow the calendar.
    Calendar {
        count: u32,
        unit: Unit,
    },
}

/// A start or an end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bound {
    pub(super) now: bool,
    pub(super) days: Days,
    pub(super) clock: Option<Clock>,
}

/// All parts of a phrase.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Phrase {
    pub(super) now: bool,
    pub(super) once: bool,
    pub(super) days: Days,
    pub(super) every: Option<Every>,
    /// "twice a day": how many times in one unit.
    pub(super) times: Option<(u32, Unit)>,
    pub(super) clocks: Vec<Clock>,
    /// "at minute 30", "on the hour".
    pub(super) minute: Option<u32>,
    pub(super) window: Option<(Clock, Clock)>,
    pub(super) start: Option<Bound>,
    pub(super) end: Option<Bound>,
    /// "for 3 weeks".
    pub(super) lasting: Option<Length>,
    /// "except sunday".
    pub(super) except: u8,
}

impl Phrase {
    pub(super) fn repeats(&self) -> bool {
        self.every.is_some() || self.times.is_some() || self.days.again
    }

    pub(super) fn set_every(&mut self, every: Every) -> Result<(), Fault> {
        match self.every {
            Some(other) if other != every => wrong("it says twice how often, and differently."),
            _ => {
                self.every = Some(every);
                Ok(())
            }
        }
    }

    pub(super) fn set_minute(&mut self, minute: u32) -> Result<(), Fault> {
        match self.minute {
            Some(other) if other != minute => wrong("it names two different minutes."),
            _ => {
                self.minute = Some(minute);
                Ok(())
            }
        }
    }
}

//! Zones and presents in which texts are read.

use meanwhile_guest::bindings::types::Instant;

use crate::bytes::Bytes;

/// Where and when a text is read.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) zone: &'static str,
    pub(crate) now: Instant,
}

/// Monday, 2026-06-01 at 12:00 in Berlin.
pub(crate) const USUAL: Moment = Moment {
    zone: "Europe/Berlin",
    now: 1_780_308_000_000,
};

/// Zones with half hours, with changes at midnight, of a whole day, and with none.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "America/New_York",
    "UTC",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Pacific/Kiritimati",
    "America/St_Johns",
];

/// Ends of months and years, changes of clocks, and presents that no clock shows.
const PRESENTS: [Instant; 14] = [
    1_780_308_000_000,
    // 2026-03-29T00:59:59.999Z and 2026-10-25T00:30:00Z: around changes of Berlin's clocks.
    1_774_746_000_000 - 1,
    1_792_888_200_000,
    // 2028-02-29T12:00:00Z, 2026-12-31T23:59:59Z.
    1_835_438_400_000,
    1_798_761_599_000,
    // 2011-12-30T00:00:00Z: the day that Apia left out.
    1_325_203_200_000,
    0,
    -1,
    // 2100-12-31T23:59:59Z, 8999-12-31T23:59:59Z, and the calendar's ends.
    4_133_980_799_000,
    221_845_391_999_000,
    8_210_266_876_799_999,
    -8_334_601_228_800_000,
    Instant::MAX,
    Instant::MIN,
];

/// Any of them.
pub(crate) fn moment(bytes: &mut Bytes<'_>) -> Moment {
    let zone = *bytes.pick(&ZONES);
    let now = if bytes.chance(4) {
        bytes.number().cast_signed()
    } else {
        *bytes.pick(&PRESENTS)
    };
    Moment { zone, now }
}

/// What a host's clock shows, its manual one set far ahead: up to 8999-12-31, so that fires too
/// are times that RFC 3339 can write.
const SHOWN: std::ops::RangeInclusive<Instant> = 0..=221_845_391_999_999;

impl Moment {
    /// Whether a clock can show it. Others only come as a request's `at`, and are refused.
    pub(crate) fn is_shown(&self) -> bool {
        SHOWN.contains(&self.now)
    }

    /// What a request says of the present: nothing where the clock tells.
    pub(crate) fn at(&self) -> Option<Instant> {
        (!self.is_shown()).then_some(self.now)
    }
}

/// A text may begin with a line that sets both: `@ ZONE MILLISECONDS`.
pub(crate) fn read(text: &str) -> (Moment, &str) {
    let set = text.strip_prefix("@ ").and_then(|rest| {
        let (line, rest) = rest.split_once('\n')?;
        let (zone, now) = line.split_once(' ')?;
        let zone = ZONES.into_iter().find(|known| *known == zone)?;
        Some((
            Moment {
                zone,
                now: now.parse().ok()?,
            },
            rest,
        ))
    });
    set.unwrap_or((USUAL, text))
}

//! How much is logged about one tenant: what its component says and how its calls end must not fill
//! the disk, nor hide what is said about others.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use governor::{DefaultDirectRateLimiter, Quota};

use crate::limits::{TENANT_LOG_LINES_BURST, TENANT_LOG_LINES_PER_MINUTE, TENANT_LOG_TEXT_CHARS};

/// The lines that may be written about one tenant.
pub(crate) struct LogLines {
    rate: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl Default for LogLines {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(count(TENANT_LOG_LINES_PER_MINUTE));
        Self {
            rate: DefaultDirectRateLimiter::direct(quota.allow_burst(count(TENANT_LOG_LINES_BURST))),
            left_out: AtomicU64::new(0),
        }
    }
}

impl LogLines {
    /// Writes a line, if there may be one more, and before it how many there might not be.
    pub(crate) fn write(&self, tenant: &str, line: impl FnOnce()) {
        if self.rate.check().is_err() {
            self.left_out.fetch_add(1, Relaxed);
            return;
        }
        let left_out = self.left_out.swap(0, Relaxed);
        if left_out > 0 {
            tracing::warn!(tenant, left_out, "lines about this tenant were left out");
        }
        line();
    }
}

/// What a component says, as far as it is logged.
pub(crate) fn clipped(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(TENANT_LOG_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{LogLines, clipped};
    use crate::limits::{TENANT_LOG_LINES_BURST, TENANT_LOG_TEXT_CHARS};

    #[test]
    fn there_are_some_lines_and_then_they_are_counted() {
        let (lines, mut written) = (LogLines::default(), 0);
        for _ in 0..1_000 {
            lines.write("t", || written += 1);
        }
        assert!((TENANT_LOG_LINES_BURST..2 * TENANT_LOG_LINES_BURST).contains(&written));
        let left_out = lines.left_out.into_inner();
        assert_eq!(left_out + u64::from(written), 1_000);
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let text = clipped(&"ä".repeat(10_000));
        assert_eq!(text.chars().count(), TENANT_LOG_TEXT_CHARS + 1);
        assert_eq!(clipped(&"short"), "short");
    }
}

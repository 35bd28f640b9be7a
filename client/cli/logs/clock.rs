//! When something was, as the wall clock of whoever reads shows it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

fn zoned(wall_ms: u64, zone: TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(i64::try_from(wall_ms).ok()?).ok()?.to_zoned(zone))
}

/// The date, for lines between days.
pub(crate) fn date(wall_ms: u64) -> String {
    zoned(wall_ms, TimeZone::system()).map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string())
}

/// The time of day.
pub(crate) fn time(wall_ms: u64) -> String {
    zoned(wall_ms, TimeZone::system()).map_or_else(|| "at an unknown time".to_owned(), |at| at.strftime("%H:%M:%S").to_string())
}

/// Date and time, for lists over days.
pub(crate) fn when(wall_ms: u64) -> String {
    let text = |at: Zoned| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    zoned(wall_ms, TimeZone::system()).map_or_else(|| "at an unknown time".to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_time_and_nonsense_is_no_panic() {
        let at = zoned(1_790_000_000_000, TimeZone::UTC).unwrap();
        assert_eq!(at.strftime("%F %T").to_string(), "2026-09-21 14:13:20");
        assert_eq!((time(u64::MAX).as_str(), date(u64::MAX).as_str()), ("at an unknown time", ""));
    }
}

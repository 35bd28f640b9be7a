//! `expires=`: a moment in UTC, as `2027-01-31`, `2027-01-31T12:00` or, as OpenSSH writes it, `20270131` and `202701311200`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// None: it is none of these.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let written = text.bytes().all(|b| b.is_ascii_digit() || b"-T: ".contains(&b));
    let digits: Vec<u64> = text.bytes().filter(u8::is_ascii_digit).map(|b| u64::from(b - b'0')).collect();
    if !written || !matches!(digits.len(), 8 | 12 | 14) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to).map_or(0, |part| part.iter().fold(0, |n, d| n * 10 + d));
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || day < 1 || day > length || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970, counted in years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    UNIX_EPOCH.checked_add(Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        let seconds = |text| parse(text).and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_secs());
        assert_eq!(seconds("1970-01-01"), Some(0));
        assert_eq!(seconds("2024-02-29"), Some(1_709_164_800));
        assert_eq!(seconds("2027-01-31T12:30"), Some(1_801_398_600));
        assert_eq!(seconds("20270131123000Z"), Some(1_801_398_600));
        for bad in ["", "tomorrow", "2027-13-01", "2027-02-29", "2027-01-31T24:00", "2027-1-31", "1969-01-01", "99999-01-01"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}

//! Durations as people write them.

use std::time::Duration;

/// Parses `500ms`, `10s`, `5m`, `2h`, `1d`, and sums of them as `1h30m`; a bare number is seconds.
pub fn parse_duration(s: &str) -> Result<Duration, String> {
    let bad = || format!("{s:?} is not a duration: write it as 500ms, 10s, 5m, 2h or 1d");
    let mut rest = s.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_ms: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        rest = &rest[letters..];
        total += Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(bad)?);
    }
    // A hundred years: nothing later can overflow.
    if total > Duration::from_secs(3_155_760_000) { Err(bad()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (s, ms) in [("500ms", 500), ("10s", 10_000), ("1h30m", 5_400_000), ("7", 7_000), ("1d", 86_400_000)] {
            assert_eq!(parse_duration(s), Ok(Duration::from_millis(ms)), "{s}");
        }
        for bad in ["", "s", "-1s", "1x", "1.5s", "99999999999999999999s", "999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}

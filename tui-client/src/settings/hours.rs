//! A span of hours of the day.

/// `22:00-07:00` as minutes of the day, from and to; over midnight where `from > to`.
pub fn parse_hours(text: &str) -> Option<(u16, u16)> {
    let minute = |t: &str| {
        let (h, m) = t.trim().split_once(':')?;
        let (h, m) = (h.parse::<u16>().ok()?, m.parse::<u16>().ok()?);
        (h < 24 && m < 60).then_some(h * 60 + m)
    };
    let (from, to) = text.split_once('-')?;
    Some((minute(from)?, minute(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_written() {
        assert_eq!(parse_hours("22:00-07:30"), Some((1320, 450)));
        assert_eq!(parse_hours("0:00 - 23:59"), Some((0, 1439)));
        for bad in ["", "22-7", "24:00-07:00", "22:60-07:00", "22:00", "x:y-z:w"] {
            assert_eq!(parse_hours(bad), None, "{bad:?}");
        }
    }
}

//! What has to be known of a certificate before it is used: for whom, by whom, from when to when. Just so much of
//! X.509 is read; whether a client trusts it is the client's to say.

use std::fmt::Write;
use std::net::IpAddr;

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its owner, as it stands there.
    pub(super) subject: Vec<u8>,
    /// Who signed it, as it stands there.
    pub(super) issuer: Vec<u8>,
    /// Good from this second of Unix time on.
    pub not_before: i64,
    /// Good up to this second of Unix time.
    pub not_after: i64,
    /// Host names and addresses it is for.
    pub names: Vec<String>,
}

/// 2.5.29.17, `subjectAltName`.
const ALT_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

/// One element: its tag, its content, what comes after it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = input.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0usize, |sum, &d| sum << 8 | usize::from(d)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of an element that must have this tag, and what comes after it.
fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(input)?;
    (found == tag).then_some((content, rest))
}

/// `None`: it is no certificate.
pub(super) fn read(der: &[u8]) -> Option<Facts> {
    let (certificate, _) = expect(der, 0x30)?;
    let (mut at, _) = expect(certificate, 0x30)?;
    if let Some((_, rest)) = expect(at, 0xa0) {
        at = rest;
    }
    let (_serial, at) = expect(at, 0x02)?;
    let (_algorithm, at) = expect(at, 0x30)?;
    let (issuer, at) = expect(at, 0x30)?;
    let (validity, at) = expect(at, 0x30)?;
    let (subject, at) = expect(at, 0x30)?;
    let (_key, mut at) = expect(at, 0x30)?;
    let (tag, from, rest) = element(validity)?;
    let not_before = time(tag, from)?;
    let (tag, to, _) = element(rest)?;
    let not_after = time(tag, to)?;
    let mut names = Vec::new();
    while let Some((tag, content, rest)) = element(at) {
        if tag == 0xa3 {
            names = alt_names(expect(content, 0x30)?.0).unwrap_or_default();
        }
        at = rest;
    }
    Some(Facts { subject: subject.to_vec(), issuer: issuer.to_vec(), not_before, not_after, names })
}

/// The names among the extensions.
fn alt_names(mut extensions: &[u8]) -> Option<Vec<String>> {
    while let Some((extension, rest)) = expect(extensions, 0x30) {
        extensions = rest;
        let (id, mut rest) = expect(extension, 0x06)?;
        if id != ALT_NAMES {
            continue;
        }
        if let Some((_critical, after)) = expect(rest, 0x01) {
            rest = after;
        }
        let (mut list, _) = expect(expect(rest, 0x04)?.0, 0x30)?;
        let mut names = Vec::new();
        while let Some((tag, content, rest)) = element(list) {
            list = rest;
            match (tag, content.len()) {
                (0x82, _) if content.is_ascii() => names.push(String::from_utf8_lossy(content).into_owned()),
                (0x87, 4) => names.extend(<[u8; 4]>::try_from(content).map(|a| IpAddr::from(a).to_string())),
                (0x87, 16) => names.extend(<[u8; 16]>::try_from(content).map(|a| IpAddr::from(a).to_string())),
                _ => {}
            }
        }
        return Some(names);
    }
    None
}

/// `UTCTime` or `GeneralizedTime`, to seconds and in UTC as RFC 5280 has it, as Unix time.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |part: &[u8]| part.iter().fold(0i64, |n, d| n * 10 + i64::from(d - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (0x17, 12) => {
            let short = number(&digits[..2]);
            (if short < 50 { 2000 + short } else { 1900 + short }, &digits[2..])
        }
        (0x18, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |i: usize| number(&rest[2 * i..2 * i + 2]);
    let (month, day) = (part(0), part(1));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(((days(year, month, day) * 24 + part(2)) * 60 + part(3)) * 60 + part(4))
}

/// Days from 1970-01-01 of a date of the Gregorian calendar; March counts as the first month, so that the leap day is
/// the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `2026-11-22` of a second of Unix time.
pub fn date(seconds: i64) -> String {
    let shifted = seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = String::new();
    // A `String` takes everything that is written to it.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for (text, seconds) in [
            ("19700101000000Z", 0),
            ("20000229235959Z", 951_868_799),
            ("20261122164530Z", 1_795_365_930),
            ("20991231235959Z", 4_102_444_799),
        ] {
            assert_eq!(time(0x18, text.as_bytes()), Some(seconds), "{text}");
            assert_eq!(date(seconds), format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8]));
        }
        assert_eq!(time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(time(0x17, b"491231235959Z"), time(0x18, b"20491231235959Z"));
        for bad in ["", "Z", "20001301000000Z", "2000010100000Z", "2000010100000xZ", "20000101000000"] {
            assert_eq!(time(0x18, bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_cut_off_or_rubbish_is_no_certificate() {
        let der = super::super::tls_files::tests::der("leaf.pem");
        let facts = read(&der).unwrap();
        assert_eq!(facts.names, ["localhost", "127.0.0.1"]);
        for length in 0..der.len() {
            assert!(read(&der[..length]).is_none(), "{length}");
        }
        for at in 0..der.len() {
            let mut bent = der.clone();
            bent[at] ^= 0x80;
            // Whatever comes of it: no panic, no endless loop.
            let _whatever = read(&bent);
        }
    }
}

//! The trigrams of a folded text, as numbers that an index can hold.
//!
//! They are made here and not by the database, because its own trigrams (`pg_trgm`) are an extension that only some
//! owners may install, know letters by the locale that the database was made with (in many no Chinese and no
//! Vietnamese), and skip every other character. These are the same three characters in a row that the SQLite back end
//! indexes, so both answer alike. Two trigrams may share a number: what is found is compared with the text itself.

/// Characters of one trigram; a shorter word is looked for without the index.
pub(super) const LENGTH: usize = 3;

/// The numbers of all trigrams of a text, each once, ascending; none for a text of fewer than three characters.
///
/// They stand in the database: another way of counting them needs a migration that builds the index anew.
pub(super) fn of(folded: &str) -> Vec<i32> {
    let characters: Vec<char> = folded.chars().collect();
    let mut grams: Vec<i32> = characters.windows(LENGTH).map(number).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// FNV-1a over the characters' code points.
fn number(characters: &[char]) -> i32 {
    let bytes = characters.iter().flat_map(|c| u32::from(*c).to_le_bytes());
    bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::of;

    #[test]
    fn the_numbers_stay_what_they_are() {
        assert_eq!(of("abc"), [-224_585_515]);
        assert_eq!(of("开会了"), [1_977_809_171]);
        assert_eq!(of("aaaa").len(), 1);
        assert!(of("ab").is_empty() && of("").is_empty());
    }

    proptest! {
        #[test]
        fn a_part_has_no_trigram_that_the_whole_has_not(before in ".{0,9}", part in ".{3,9}", after in ".{0,9}") {
            let whole = of(&format!("{before}{part}{after}"));
            prop_assert!(of(&part).iter().all(|gram| whole.binary_search(gram).is_ok()));
        }
    }
}

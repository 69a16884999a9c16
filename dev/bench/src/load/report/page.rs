//! Fills the places of a page that are marked `<!-- bench:NAME -->` … `<!-- /bench:NAME -->`.

use std::path::Path;

use anyhow::{Context, Result};

/// Puts each text into its place. A place that is not there is an error: what was measured would go unseen.
pub fn fill(path: &Path, places: impl Iterator<Item = (&'static str, String)>) -> Result<()> {
    let mut page = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    for (name, text) in places {
        page = put(&page, name, &text).with_context(|| format!("{} has no place for {name}", path.display()))?;
    }
    std::fs::write(path, page).with_context(|| format!("{}", path.display()))
}

fn put(page: &str, name: &str, text: &str) -> Option<String> {
    let (open, close) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let (before, rest) = page.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    Some(format!("{before}{open}\n{}\n{close}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_filled_again_and_again_and_the_rest_stays() {
        let page = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb <!-- bench:y --><!-- /bench:y -->";
        let once = put(page, "x", "| new |\n").unwrap();
        assert_eq!(once, "a\n<!-- bench:x -->\n| new |\n<!-- /bench:x -->\nb <!-- bench:y --><!-- /bench:y -->");
        assert_eq!(put(&once, "x", "| new |").unwrap(), once);
        assert_eq!(put(page, "z", ""), None);
    }
}

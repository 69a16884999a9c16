//! Results as a page: tables and the list of goals into the marked places of `docs/performance.md`, plots beside it. The words
//! around them are written by hand and stay.

mod goals;
mod page;
mod plot;
mod table;

use std::path::Path;

use anyhow::Result;

use super::results::Results;

/// Where it goes, from the repository's top folder.
const PAGE: &str = "docs/performance.md";
/// Plots and results.
const FOLDER: &str = "docs/performance";
/// The results of the last run.
pub const RESULTS: &str = "docs/performance/results.json";

/// Draws and writes everything of a repository's `root`.
pub fn write(results: &Results, root: &Path) -> Result<()> {
    plot::all(results, &root.join(FOLDER))?;
    let places = [("about", table::about(results)), ("goals", goals::table(results))];
    let tables = table::all(results);
    page::fill(&root.join(PAGE), places.into_iter().chain(tables))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::record::Record;

    #[test]
    fn the_page_has_a_place_for_everything_and_the_plots_are_drawn() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        std::fs::copy(repository.join(PAGE), root.path().join(PAGE)).unwrap();
        let row = |load: &str, at: usize| {
            let row = Record::new(load, "ours").with("cpu", 1.5).with("p99", 12.0).with("memory", 20.0);
            if at == 0 { row } else { row.at(at) }
        };
        let curves = ["peak/curve", "growth/sockets", "growth/rooms", "stored/page"];
        let mut records: Vec<_> = curves.iter().flat_map(|load| [row(load, 10), row(load, 1_000)]).collect();
        records.extend(["fanout/one", "idle"].map(|load| row(load, 0)));
        write(&Results { records, ..Results::default() }, root.path()).unwrap();
        let page = std::fs::read_to_string(root.path().join(PAGE)).unwrap();
        assert!(page.contains("| 400 sockets, one by one | 1.50 |"), "{page}");
        for plot in ["cpu", "memory", "latency", "sockets", "rooms", "stored"] {
            assert!(page.contains(&format!("(performance/{plot}.svg)")), "{plot} is not on the page");
            let svg = std::fs::read_to_string(root.path().join(FOLDER).join(format!("{plot}.svg"))).unwrap();
            assert!(svg.contains("<text"), "{plot} says nothing");
        }
    }
}

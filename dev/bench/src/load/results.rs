//! A run's rows, kept as JSON, and what looks them up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::record::Record;

/// A run's rows, and under what they came about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// When, which machine, which versions: for a person.
    pub about: BTreeMap<String, String>,
    pub records: Vec<Record>,
}

impl Results {
    /// From a file; none: empty.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is no result", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{}", path.display())),
        }
    }

    /// The rows of an earlier run whose loads this one has not measured, and the versions of what only that one ran.
    pub fn keep(&mut self, earlier: Self) {
        for (what, version) in earlier.about {
            self.about.entry(what).or_insert(version);
        }
        let measured: BTreeSet<_> = self.records.iter().map(|r| r.load.clone()).collect();
        self.records.extend(earlier.records.into_iter().filter(|r| !measured.contains(&r.load)));
    }

    /// The row of a load on a server.
    pub fn find(&self, load: &str, peer: &str, at: Option<u64>) -> Option<&Record> {
        self.records.iter().find(|r| r.load == load && r.peer == peer && r.at == at)
    }

    /// A figure of it.
    pub fn get(&self, load: &str, peer: &str, key: &str) -> Option<f64> {
        self.find(load, peer, None)?.get(key)
    }

    /// The rows of a curve, in their order.
    pub fn curve<'a>(&'a self, load: &'a str, peer: &'a str) -> impl Iterator<Item = &'a Record> {
        let mut rows: Vec<_> =
            self.records.iter().filter(|r| r.load == load && r.peer == peer && r.at.is_some()).collect();
        rows.sort_by_key(|r| r.at);
        rows.into_iter()
    }

    /// One figure of a curve.
    #[expect(clippy::cast_precision_loss, reason = "a place in a plot")]
    pub fn points(&self, load: &str, peer: &str, key: &str) -> Vec<(f64, f64)> {
        let point = |r: &Record| Some((r.at? as f64, r.get(key)?));
        self.curve(load, peer).filter_map(point).filter(|(x, y)| *x > 0.0 && *y > 0.0).collect()
    }

    /// Into a file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_measured_anew_replaces_that_part_alone() {
        let row = |load: &str, peer: &str, cpu: f64| Record::new(load, peer).with("cpu", cpu);
        let earlier = vec![row("stream", "ours", 1.0), row("stream", "node", 2.0), row("heavy", "ours", 3.0)];
        let about = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut now = Results { records: vec![row("stream", "ours", 9.0)], about: about(&[("measured", "now")]) };
        now.keep(Results { records: earlier, about: about(&[("measured", "then"), ("node", "v20")]) });
        assert_eq!(now.about, about(&[("measured", "now"), ("node", "v20")]));
        let shown = |load, peer| now.get(load, peer, "cpu");
        assert_eq!(
            [shown("stream", "ours"), shown("stream", "node"), shown("heavy", "ours")],
            [Some(9.0), None, Some(3.0)]
        );
    }
}

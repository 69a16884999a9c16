//! Brings Apache Kafka's jars by Maven into a folder, once.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What is brought, and in which version.
const POM: &str = include_str!("../pom.xml");

/// Copies the jars below `place` unless they are there already; gives the class path.
pub fn install(place: &Path) -> Result<String> {
    let jars = place.join("jars");
    let (pom, stamp) = (place.join("pom.xml"), place.join(".installed"));
    let classpath = format!("{}/*", jars.display());
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == POM) {
        return Ok(classpath);
    }
    if jars.exists() {
        std::fs::remove_dir_all(&jars).with_context(|| format!("cannot empty {}", jars.display()))?;
    }
    std::fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    std::fs::write(&pom, POM).with_context(|| format!("cannot write {}", pom.display()))?;
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .stdin(Stdio::null())
        .status()
        .context("cannot start mvn; install Maven")?;
    if !status.success() {
        bail!("Maven could not bring Apache Kafka: {status}");
    }
    std::fs::write(&stamp, POM).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(classpath)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_names_no_registry() {
        let places: Vec<_> = super::POM.match_indices("://").collect();
        assert_eq!(places.len(), 1, "only the name space of a pom");
        assert!(!super::POM.contains("<repository>"));
    }
}

//! Who may know whom, read from the source files: which modules of its own crate and which foreign crates a file
//! names, outside comments, texts and tests. The tables of this repository stand in `tests/layering.rs`.

use std::collections::BTreeSet;
use std::path::Path;

/// One crate's rules.
pub struct Rules {
    /// Names under which the crate's own modules are reached beside `crate`: the library's name, for its `main.rs`.
    pub own_names: &'static [&'static str],
    /// The modules from the innermost layer outward. A module may know those of earlier layers and itself; modules
    /// of one layer do not know each other.
    pub layers: &'static [&'static [&'static str]],
    /// Modules that may know less than their layer allows: these alone.
    pub narrow: &'static [(&'static str, &'static [&'static str])],
    /// Foreign crates and the only places (path prefixes below `src/`) that may name them.
    pub only_in: &'static [(&'static str, &'static [&'static str])],
}

/// One edge too many, as a sentence.
pub type Fault = String;

/// Checks every source file below `src`; panics if there is none, since a check of nothing always succeeds.
pub fn check_tree(src: &Path, rules: &Rules) -> Vec<Fault> {
    let mut files = Vec::new();
    collect(src, &mut files);
    assert!(!files.is_empty(), "no source files below {}", src.display());
    let mut faults = Vec::new();
    for file in files {
        let name = file.strip_prefix(src).expect("it was found below").to_string_lossy().replace('\\', "/");
        let source = std::fs::read_to_string(&file).expect("a source file can be read");
        faults.extend(check_file(&name, &source, rules));
    }
    faults
}

fn collect(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("a folder can be listed").path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && stem != "tests" {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && stem != "tests" && !stem.ends_with("_tests") {
            files.push(path);
        }
    }
}

/// Checks one file; `name` is its path below `src/`.
pub fn check_file(name: &str, source: &str, rules: &Rules) -> Vec<Fault> {
    let tokens = tokens(&without_tests(&plain(source)));
    let module = name.split('/').next().unwrap_or(name).trim_end_matches(".rs");
    let mut faults = Vec::new();
    if module != "lib" {
        let known = own_modules(&tokens, depth(name), rules.own_names);
        for other in known.iter().filter(|o| o.as_str() != module) {
            if !may_know(module, other, rules) {
                faults.push(format!("{name}: `{module}` must not know `{other}`"));
            }
        }
        if layer(module, rules).is_none() {
            faults.push(format!("{name}: say in the layering table where `{module}` stands"));
        }
    }
    for (krate, places) in rules.only_in {
        if names_crate(&tokens, krate) && !places.iter().any(|p| name.starts_with(p)) {
            faults.push(format!("{name}: `{krate}` is named only in {}", places.join(", ")));
        }
    }
    faults
}

fn layer(module: &str, rules: &Rules) -> Option<usize> {
    rules.layers.iter().position(|l| l.contains(&module))
}

fn may_know(from: &str, to: &str, rules: &Rules) -> bool {
    let narrowed = rules.narrow.iter().find(|(module, _)| *module == from);
    if narrowed.is_some_and(|(_, allowed)| layer(to, rules).is_some() && !allowed.contains(&to)) {
        return false;
    }
    match (layer(from, rules), layer(to, rules)) {
        (Some(from), Some(to)) => to < from,
        // Not a module of the table: an item of lib.rs, or a macro.
        (_, None) => true,
        (None, _) => false,
    }
}

/// How many `super` lead from inside this file's module to the crate's root.
fn depth(name: &str) -> usize {
    let parts = name.split('/').count();
    match name.rsplit('/').next() {
        Some("lib.rs" | "main.rs") => 0,
        Some("mod.rs") => parts - 1,
        _ => parts,
    }
}

/// The source without comments, texts and characters, each replaced by a space.
fn plain(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let bytes: Vec<char> = source.chars().collect();
    let mut i = 0;
    while i < bytes.len() {
        let (here, next) = (bytes[i], bytes.get(i + 1).copied().unwrap_or(' '));
        match (here, next) {
            ('/', '/') => {
                while i < bytes.len() && bytes[i] != '\n' {
                    i += 1;
                }
            }
            ('/', '*') => {
                let end = (i + 2..bytes.len()).find(|&k| bytes[k] == '*' && bytes.get(k + 1) == Some(&'/'));
                i = end.map_or(bytes.len(), |k| k + 2);
            }
            ('r', '"' | '#') if i == 0 || !(bytes[i - 1].is_alphanumeric() || bytes[i - 1] == '_') => {
                i = raw_string_end(&bytes, i).unwrap_or(i + 1);
            }
            ('"', _) => {
                i += 1;
                while i < bytes.len() && bytes[i] != '"' {
                    i += if bytes[i] == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            // A character, not a lifetime.
            ('\'', '\\') => {
                let end = (i + 3..bytes.len()).find(|&k| bytes[k] == '\'');
                i = end.map_or(bytes.len(), |k| k + 1);
            }
            ('\'', _) if bytes.get(i + 2) == Some(&'\'') => i += 3,
            _ => {
                out.push(here);
                i += 1;
                continue;
            }
        }
        out.push(' ');
    }
    out
}

/// Behind `r#"…"#` that begins at `at`; `None`: it is no raw string (`r#type`).
fn raw_string_end(source: &[char], at: usize) -> Option<usize> {
    let hashes = source[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if source.get(open) != Some(&'"') {
        return None;
    }
    let closes = |k: usize| source[k] == '"' && (1..=hashes).all(|h| source.get(k + h) == Some(&'#'));
    Some((open + 1..source.len()).find(|&k| closes(k)).map_or(source.len(), |k| k + 1 + hashes))
}

/// The source without `#[cfg(test)]` modules.
fn without_tests(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at + "#[cfg(test)]".len()..];
        let Some(open) = rest.find(['{', ';']) else { break };
        let mut deep = 0usize;
        let end = rest[open..].char_indices().find(|(_, c)| {
            match c {
                '{' => deep += 1,
                '}' => deep = deep.saturating_sub(1),
                _ => {}
            }
            deep == 0
        });
        rest = end.map_or("", |(i, _)| &rest[open + i + 1..]);
    }
    out + rest
}

/// Identifiers, `::`, and every other sign by itself.
fn tokens(source: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = c.to_string();
            while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(c);
            }
            out.push(word);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            out.push("::".to_owned());
        } else if !c.is_whitespace() {
            out.push(c.to_string());
        }
    }
    out
}

/// The crate's own top modules that are named by a path from the root or by enough `super`.
fn own_modules(tokens: &[String], depth: usize, own_names: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        let follows_path = i > 0 && tokens[i - 1] == "::";
        let mut end = i;
        if !follows_path && (tokens[i] == "crate" || own_names.contains(&tokens[i].as_str())) {
            end = i + 1;
        } else if !follows_path && tokens[i] == "super" && depth > 0 {
            let mut supers = 1;
            end = i + 1;
            while tokens.get(end).is_some_and(|t| t == "::") && tokens.get(end + 1).is_some_and(|t| t == "super") {
                supers += 1;
                end += 2;
            }
            if supers != depth {
                i = end;
                continue;
            }
        }
        if end > i && tokens.get(end).is_some_and(|t| t == "::") {
            heads(&tokens[end + 1..], &mut found);
        }
        i = end.max(i + 1);
    }
    found
}

/// The first word of a path, or of each path in `{…}`.
fn heads(tokens: &[String], found: &mut BTreeSet<String>) {
    if tokens.first().is_none_or(|t| t != "{") {
        found.extend(tokens.first().cloned());
        return;
    }
    let mut deep = 0usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => deep += 1,
            "}" => deep -= 1,
            _ if deep == 1 && matches!(tokens[i - 1].as_str(), "{" | ",") => {
                found.insert(token.clone());
            }
            _ => {}
        }
        if deep == 0 {
            return;
        }
    }
}

/// Whether a foreign crate is named: `krate::…`, `use krate;`, `use krate as …`.
fn names_crate(tokens: &[String], krate: &str) -> bool {
    tokens.iter().enumerate().any(|(i, token)| {
        token == krate
            && !(i > 0
                && tokens[i - 1] == "::"
                && i > 1
                && tokens[i - 2].chars().all(|c| c.is_alphanumeric() || c == '_'))
            && (tokens.get(i + 1).is_some_and(|t| t == "::") || (i > 0 && tokens[i - 1] == "use"))
    })
}

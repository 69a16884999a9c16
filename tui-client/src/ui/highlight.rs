//! Colours for code in messages: comments, strings, numbers and keywords, by the family that the language belongs to.
//! It reads line by line and knows no grammar: what it gets wrong is a colour, never a letter.

use ratatui::style::Style;

use super::text::Piece;
use crate::theme::Theme;

/// How a family of languages is written.
struct Family {
    /// As named after the fence.
    names: &'static [&'static str],
    /// What begins a comment up to the end of the line.
    comment: &'static [&'static str],
    /// What begins and ends a comment over several lines.
    block: Option<(&'static str, &'static str)>,
    /// What begins and ends a string.
    quotes: &'static [char],
    /// Words with a meaning.
    keywords: &'static [&'static str],
}

/// The families.
const FAMILIES: &[Family] = &[
    Family {
        names: &["rust", "rs"],
        comment: &["//"],
        block: Some(("/*", "*/")),
        quotes: &['"'],
        keywords: &[
            "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
            "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
            "self", "Self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
        ],
    },
    Family {
        names: &[
            "c",
            "h",
            "cpp",
            "c++",
            "cc",
            "hpp",
            "java",
            "js",
            "javascript",
            "mjs",
            "ts",
            "typescript",
            "tsx",
            "jsx",
            "go",
            "golang",
            "cs",
            "csharp",
            "kotlin",
            "kt",
            "swift",
            "php",
            "scala",
            "dart",
            "proto",
        ],
        comment: &["//"],
        block: Some(("/*", "*/")),
        quotes: &['"', '\'', '`'],
        keywords: &[
            "abstract",
            "async",
            "await",
            "bool",
            "boolean",
            "break",
            "case",
            "catch",
            "chan",
            "char",
            "class",
            "const",
            "continue",
            "def",
            "default",
            "defer",
            "delete",
            "do",
            "double",
            "else",
            "enum",
            "export",
            "extends",
            "extern",
            "false",
            "final",
            "finally",
            "float",
            "for",
            "from",
            "func",
            "function",
            "go",
            "goto",
            "if",
            "implements",
            "import",
            "in",
            "instanceof",
            "int",
            "interface",
            "let",
            "long",
            "map",
            "namespace",
            "new",
            "nil",
            "null",
            "of",
            "override",
            "package",
            "private",
            "protected",
            "public",
            "range",
            "return",
            "select",
            "short",
            "signed",
            "sizeof",
            "static",
            "string",
            "struct",
            "super",
            "switch",
            "template",
            "this",
            "throw",
            "throws",
            "true",
            "try",
            "type",
            "typedef",
            "typeof",
            "undefined",
            "union",
            "unsigned",
            "using",
            "val",
            "var",
            "virtual",
            "void",
            "volatile",
            "while",
            "yield",
        ],
    },
    Family {
        names: &["python", "py", "ruby", "rb", "elixir", "ex", "nim", "r", "julia", "jl"],
        comment: &["#"],
        block: None,
        quotes: &['"', '\''],
        keywords: &[
            "and", "as", "assert", "async", "await", "begin", "break", "case", "class", "continue", "def", "del", "do",
            "elif", "else", "elsif", "end", "ensure", "except", "False", "false", "finally", "for", "from", "function",
            "global", "if", "import", "in", "is", "lambda", "module", "next", "nil", "None", "nonlocal", "not", "or",
            "pass", "raise", "require", "rescue", "return", "self", "then", "True", "true", "try", "unless", "until",
            "when", "while", "with", "yield",
        ],
    },
    Family {
        names: &["sh", "bash", "zsh", "fish", "shell", "console", "dockerfile", "docker", "make", "makefile", "nix"],
        comment: &["#"],
        block: None,
        quotes: &['"', '\''],
        keywords: &[
            "alias",
            "break",
            "case",
            "cd",
            "CMD",
            "continue",
            "COPY",
            "do",
            "done",
            "echo",
            "elif",
            "else",
            "ENTRYPOINT",
            "ENV",
            "esac",
            "exec",
            "exit",
            "export",
            "EXPOSE",
            "fi",
            "for",
            "FROM",
            "function",
            "if",
            "in",
            "local",
            "read",
            "return",
            "RUN",
            "set",
            "shift",
            "source",
            "sudo",
            "then",
            "trap",
            "unset",
            "USER",
            "while",
            "WORKDIR",
        ],
    },
    Family {
        names: &["toml", "yaml", "yml", "ini", "conf", "cfg", "properties", "env", "nginx", "hcl", "tf"],
        comment: &["#", ";"],
        block: None,
        quotes: &['"', '\''],
        keywords: &["true", "false", "null", "yes", "no", "on", "off"],
    },
    Family {
        names: &["json", "jsonc", "json5"],
        comment: &["//"],
        block: None,
        quotes: &['"'],
        keywords: &["true", "false", "null"],
    },
    Family {
        names: &["sql", "postgres", "postgresql", "mysql", "sqlite", "lua", "haskell", "hs", "elm"],
        comment: &["--"],
        block: Some(("/*", "*/")),
        quotes: &['"', '\''],
        keywords: &[
            "add",
            "all",
            "alter",
            "and",
            "as",
            "asc",
            "begin",
            "between",
            "by",
            "case",
            "check",
            "column",
            "commit",
            "constraint",
            "create",
            "data",
            "default",
            "delete",
            "desc",
            "distinct",
            "do",
            "drop",
            "else",
            "end",
            "exists",
            "explain",
            "false",
            "foreign",
            "from",
            "full",
            "function",
            "group",
            "having",
            "if",
            "import",
            "in",
            "index",
            "inner",
            "insert",
            "into",
            "is",
            "join",
            "key",
            "left",
            "let",
            "like",
            "limit",
            "local",
            "module",
            "nil",
            "not",
            "null",
            "of",
            "offset",
            "on",
            "or",
            "order",
            "outer",
            "primary",
            "references",
            "return",
            "returning",
            "right",
            "rollback",
            "select",
            "set",
            "table",
            "then",
            "true",
            "type",
            "union",
            "unique",
            "update",
            "using",
            "values",
            "view",
            "when",
            "where",
            "while",
            "with",
        ],
    },
    Family { names: &["diff", "patch"], comment: &[], block: None, quotes: &[], keywords: &[] },
];

/// Colours the lines of a block of code, each as its pieces; a language nobody knows stays plain.
pub fn highlight(lang: &str, lines: &[String], theme: &Theme) -> Vec<Vec<Piece>> {
    let base = theme.code.0;
    let lang = lang.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    let Some(family) = FAMILIES.iter().find(|f| f.names.contains(&lang.as_str())) else {
        return lines.iter().map(|line| vec![Piece::new(line.as_str(), base)]).collect();
    };
    if family.names.contains(&"diff") {
        return lines.iter().map(|line| vec![Piece::new(line.as_str(), changed(line, theme))]).collect();
    }
    let mut reader = Reader { family, theme, base, within: false, folds: lang == "sql" };
    lines.iter().map(|line| reader.line(line)).collect()
}

/// A line of a patch, by its first letter.
fn changed(line: &str, theme: &Theme) -> Style {
    match line.as_bytes().first() {
        Some(b'+') => theme.ok.0,
        Some(b'-') => theme.error.0,
        Some(b'@') => theme.accent.0,
        _ => theme.code.0,
    }
}

/// Reads line after line.
struct Reader<'a> {
    family: &'a Family,
    theme: &'a Theme,
    base: Style,
    /// Inside a comment of several lines.
    within: bool,
    /// Keywords count in any case.
    folds: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        let mut rest = line;
        let mut before = ' ';
        while !rest.is_empty() {
            let (used, style) = self.token(rest, before);
            let (token, left) = rest.split_at(used);
            match out.last_mut().filter(|last| last.style == style) {
                Some(last) => last.text.push_str(token),
                None => out.push(Piece::new(token, style)),
            }
            before = token.chars().next_back().unwrap_or(' ');
            rest = left;
        }
        out
    }

    /// The next token's length in bytes, and its style.
    fn token(&mut self, rest: &str, before: char) -> (usize, Style) {
        let comment = self.theme.dim.0;
        if let Some((open, close)) = self.family.block
            && (self.within || rest.starts_with(open))
        {
            let from = if self.within { 0 } else { open.len() };
            let end = rest[from..].find(close).map(|at| from + at + close.len());
            self.within = end.is_none();
            return (end.unwrap_or(rest.len()), comment);
        }
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let first = rest.chars().next().unwrap_or(' ');
        // `$#` and `a#b` are no comments.
        let apart = !word(before) && before != '$';
        if apart && self.family.comment.iter().any(|c| rest.starts_with(c)) {
            return (rest.len(), comment);
        }
        if self.family.quotes.contains(&first) && !(first == '\'' && word(before)) {
            return (string(rest, first), self.theme.ok.0);
        }
        if !word(first) {
            return (first.len_utf8(), self.base);
        }
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let token = &rest[..end];
        let key = |k: &&str| **k == *token || (self.folds && k.eq_ignore_ascii_case(token));
        if first.is_ascii_digit() {
            (end, self.theme.warn.0)
        } else if self.family.keywords.iter().any(key) {
            (end, self.theme.accent.0)
        } else {
            (end, self.base)
        }
    }
}

/// Bytes of the string that begins here; one that is not closed ends with the line.
fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn theme() -> Theme {
        Theme::named("dark").unwrap()
    }

    /// Tokens with the letter of their role: k, s, n, c; what is plain is left out.
    fn marks(lang: &str, text: &str) -> Vec<(char, String)> {
        let theme = theme();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let role = |style: Style| match style {
            s if s == theme.accent.0 => Some('k'),
            s if s == theme.ok.0 => Some('s'),
            s if s == theme.warn.0 => Some('n'),
            s if s == theme.dim.0 => Some('c'),
            _ => None,
        };
        let pieces = highlight(lang, &lines, &theme).into_iter().flatten();
        pieces.filter_map(|p| role(p.style).map(|r| (r, p.text))).collect()
    }

    fn list(all: &[(char, &str)]) -> Vec<(char, String)> {
        all.iter().map(|(r, t)| (*r, (*t).to_owned())).collect()
    }

    #[test]
    fn what_a_reader_looks_for_stands_out() {
        let rust = "fn a(x: &'static str) -> u8 { 42 } // \"no\" string\nlet s = \"a \\\" // b\"; /* c\nd */ true";
        let expected = [
            ('k', "fn"),
            ('k', "static"),
            ('n', "42"),
            ('c', "// \"no\" string"),
            ('k', "let"),
            ('s', "\"a \\\" // b\""),
            ('c', "/* c"),
            ('c', "d */"),
            ('k', "true"),
        ];
        assert_eq!(marks("rust", rust), list(&expected));
        assert_eq!(marks("py", "x = 'it' # don't"), list(&[('s', "'it'"), ('c', "# don't")]));
        assert_eq!(marks("SQL", "SELECT 1 -- one"), list(&[('k', "SELECT"), ('n', "1"), ('c', "-- one")]));
        assert_eq!(marks("toml", "pool_max = 50"), list(&[('n', "50")]));
        assert_eq!(marks("sh", "echo $#"), list(&[('k', "echo")]));
        assert_eq!(marks("", "fn 1"), vec![]);
    }

    #[test]
    fn a_patch_shows_what_comes_and_goes() {
        let theme = theme();
        let lines = ["+new".to_owned(), "-old".to_owned(), " same".to_owned()];
        let styles: Vec<Style> = highlight("diff", &lines, &theme).iter().map(|l| l[0].style).collect();
        assert_eq!(styles, [theme.ok.0, theme.error.0, theme.code.0]);
    }

    proptest! {
        /// Whatever it is taken for, not a letter is lost or added.
        #[test]
        fn nothing_but_colour_changes(text in "[a-z0-9 '\"`#/*\\\\;é字-]{0,60}", which in 0..FAMILIES.len()) {
            let lines = vec![text.clone(), text];
            for name in FAMILIES[which].names {
                let out = highlight(name, &lines, &theme());
                let back: Vec<String> = out.iter().map(|l| l.iter().map(|p| p.text.as_str()).collect()).collect();
                prop_assert_eq!(&back, &lines);
            }
        }
    }
}

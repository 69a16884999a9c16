//! Looks by meaning: each role has a style, written in TOML as `"bold #88c0d0 on #202020"`. What wears which role is
//! `ui`'s; no meaning is carried by colour alone.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// The built-in looks.
pub const NAMES: &[&str] = &["dark", "light", "16", "mono", "contrast", "forest", "ocean", "sepia"];

fn source(name: &str) -> Option<&'static str> {
    Some(match name {
        "dark" => include_str!("builtin/dark.toml"),
        "light" => include_str!("builtin/light.toml"),
        "16" => include_str!("builtin/16.toml"),
        "mono" => include_str!("builtin/mono.toml"),
        "contrast" => include_str!("builtin/contrast.toml"),
        "forest" => include_str!("builtin/forest.toml"),
        "ocean" => include_str!("builtin/ocean.toml"),
        "sepia" => include_str!("builtin/sepia.toml"),
        _ => return None,
    })
}

/// A look that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTheme {
    /// Not built in.
    #[error("no theme {0:?}; there are {list}", list = NAMES.join(", "))]
    Unknown(String),
    /// Not readable: line, column, and what is wrong.
    #[error("{0}")]
    Toml(String),
}

/// A look.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// Messages.
    pub text: Look,
    /// What matters less: times, hints.
    pub dim: Look,
    /// What can be acted on: the room in view, keys.
    pub accent: Look,
    /// Headings.
    pub title: Look,
    /// All is well.
    pub ok: Look,
    /// It will be well by itself.
    pub warn: Look,
    /// It will not.
    pub error: Look,
    /// One's own name in others' messages.
    pub mention: Look,
    /// One's own name as author.
    pub own: Look,
    /// Lines and frames.
    pub rule: Look,
    /// Patched over the selected message.
    pub selected: Look,
    /// Code.
    pub code: Look,
    /// Quotes.
    pub quote: Look,
    /// Links.
    pub link: Look,
    /// Something unread.
    pub unread: Look,
    /// Lists and questions on top.
    pub popup: Look,
    /// The chosen entry of a list.
    pub choice: Look,
    /// Authors, picked by their id.
    pub names: Vec<Look>,
}

/// A style, as TOML writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look(pub Style);

impl<'de> Deserialize<'de> for Look {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        parse(&text).map(Look).map_err(serde::de::Error::custom)
    }
}

impl From<Look> for Style {
    fn from(look: Look) -> Self {
        look.0
    }
}

impl Theme {
    /// A built-in look.
    pub fn named(name: &str) -> Result<Self, BadTheme> {
        Self::read(source(name).ok_or_else(|| BadTheme::Unknown(name.to_owned()))?)
    }

    /// A look from TOML; the error says line and column.
    pub fn read(toml: &str) -> Result<Self, BadTheme> {
        toml::from_str(toml).map_err(|e| {
            let before = toml.get(..e.span().map_or(0, |s| s.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
            BadTheme::Toml(format!("{line}:{column}: {}", e.message().trim()))
        })
    }

    /// The colour of an author.
    pub fn name(&self, id: chat_common::UserId) -> Style {
        let n = u64::try_from(self.names.len()).unwrap_or(1).max(1);
        // The low bits of an id are random already.
        let i = usize::try_from(id.bits() % n).unwrap_or(0);
        self.names.get(i).copied().unwrap_or(self.text).0
    }
}

/// Which look suits the terminal, from its environment (`NO_COLOR`, `COLORTERM`, `COLORFGBG`, `TERM`), and where that
/// does not say whether it is light, by its own word: `ask` gives whether its ground is light.
pub fn suited(env: impl Fn(&str) -> Option<String>, ask: impl FnOnce() -> Option<bool>) -> &'static str {
    if env("NO_COLOR").is_some_and(|v| !v.is_empty()) || env("TERM").is_some_and(|t| t == "dumb" || t == "vt100") {
        return "mono";
    }
    if !env("COLORTERM").is_some_and(|c| c == "truecolor" || c == "24bit") {
        // The sixteen colours are the terminal's own, chosen for its ground.
        return "16";
    }
    let ground = env("COLORFGBG").and_then(|v| v.rsplit(';').next().map(str::to_owned));
    let light = match ground {
        Some(ground) => ground == "15" || ground == "7",
        None => ask().unwrap_or(false),
    };
    if light { "light" } else { "dark" }
}

/// Reads `bold #88c0d0 on #202020`.
fn parse(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut ground = false;
    for word in text.split_whitespace() {
        style = match word {
            "on" => {
                ground = true;
                continue;
            }
            "bold" => style.add_modifier(Modifier::BOLD),
            "dim" => style.add_modifier(Modifier::DIM),
            "italic" => style.add_modifier(Modifier::ITALIC),
            "underline" => style.add_modifier(Modifier::UNDERLINED),
            "reverse" => style.add_modifier(Modifier::REVERSED),
            colour => {
                let colour = self::colour(colour)?;
                if ground { style.bg(colour) } else { style.fg(colour) }
            }
        };
    }
    Ok(style)
}

fn colour(word: &str) -> Result<Color, String> {
    word.parse::<Color>().map_err(|_| {
        format!("{word:?} is no colour: write #rrggbb, a number up to 255, or a name like red, lightblue, darkgray")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_look_is_read() {
        for name in NAMES {
            let theme = Theme::named(name).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!theme.names.is_empty(), "{name}");
        }
    }

    /// The relative luminance of a colour (WCAG 2.2); `None` for one of the terminal's own sixteen.
    fn luminance(colour: Color) -> Option<f64> {
        let Color::Rgb(r, g, b) = colour else { return None };
        let part = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        Some(0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b))
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_look_can_be_read() {
        // The grounds that terminals of that kind have: black to a dark grey, white to paper.
        let dark = [Color::Rgb(0, 0, 0), Color::Rgb(0x28, 0x2c, 0x34)];
        let light = [Color::Rgb(255, 255, 255), Color::Rgb(0xfa, 0xf4, 0xe8)];
        for (name, grounds) in [("dark", dark), ("forest", dark), ("ocean", dark), ("light", light), ("sepia", light)] {
            let t = Theme::named(name).unwrap();
            let mut looks = vec![
                ("text", t.text, 7.0),
                ("dim", t.dim, 3.0),
                ("accent", t.accent, 4.5),
                ("title", t.title, 7.0),
                ("ok", t.ok, 4.5),
                ("warn", t.warn, 4.5),
                ("error", t.error, 4.5),
                ("mention", t.mention, 4.5),
                ("own", t.own, 4.5),
                ("code", t.code, 4.5),
                ("quote", t.quote, 4.5),
                ("link", t.link, 4.5),
                ("unread", t.unread, 4.5),
                ("popup", t.popup, 7.0),
                ("choice", t.choice, 4.5),
            ];
            looks.extend(t.names.iter().map(|n| ("names", *n, 4.5)));
            for (role, look, least) in looks {
                let Some(front) = look.0.fg.and_then(luminance) else { continue };
                let own = look.0.bg.and_then(luminance);
                let selected = t.selected.0.bg.and_then(luminance);
                let grounds = match own {
                    Some(own) => vec![own],
                    None => grounds.iter().filter_map(|g| luminance(*g)).chain(selected).collect(),
                };
                for ground in grounds {
                    let found = contrast(front, ground);
                    assert!(found >= least, "{name}: {role} has {found:.1} to 1, should have {least}");
                }
            }
        }
    }

    #[test]
    fn mono_has_no_colour() {
        let theme = Theme::named("mono").unwrap();
        let mut looks =
            vec![theme.text, theme.dim, theme.accent, theme.error, theme.mention, theme.selected, theme.popup];
        looks.extend(&theme.names);
        for look in looks {
            assert!(matches!(look.0.fg, None | Some(Color::Reset)) && look.0.bg.is_none(), "{look:?}");
        }
    }

    #[test]
    fn styles_are_read_and_slips_are_explained() {
        let style = parse("bold #88c0d0 on black").unwrap();
        assert_eq!(style, Style::new().bold().fg(Color::Rgb(0x88, 0xc0, 0xd0)).bg(Color::Black));
        assert!(parse("redd").unwrap_err().contains("#rrggbb"));
        assert!(Theme::named("pink").unwrap_err().to_string().contains("dark, light"));
    }

    #[test]
    fn the_environment_decides_the_look() {
        let with = |pairs: &'static [(&str, &str)]| {
            suited(move |k| pairs.iter().find(|(n, _)| *n == k).map(|(_, v)| (*v).to_owned()), || None)
        };
        let asked = |light| suited(|k| (k == "COLORTERM").then(|| "truecolor".to_owned()), || light);
        assert_eq!((asked(Some(true)), asked(Some(false)), asked(None)), ("light", "dark", "dark"));
        assert_eq!(with(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), "mono");
        assert_eq!(with(&[("COLORTERM", "truecolor")]), "dark");
        assert_eq!(with(&[("COLORTERM", "24bit"), ("COLORFGBG", "0;15")]), "light");
        assert_eq!(with(&[("TERM", "xterm-256color")]), "16");
    }
}

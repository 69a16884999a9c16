//! Pictures as SVG that needs nothing from outside: no script, no font, no image. A film is a sheet of pictures that
//! CSS moves behind a window, step by step; rows, and blocks of rows, that are the same are written once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::time::Duration;

use crate::film::Frame;
use crate::picture::{Cell, GROUND, INK, Look, Picture, Rgb};
use crate::shapes;

/// A cell's width, in units of the drawing.
pub const CELL: i32 = 10;
/// A row's height.
pub const LINE: i32 = 20;
/// From a row's top to the line its letters stand on.
const BASE: i32 = 15;
/// Around the screen.
const PAD: i32 = 18;
/// Rows that are written once where they are the same.
const BLOCK: usize = 5;
/// Between the pictures of a film, so that no edge of one shows beside another.
const GAP: i32 = 20;
/// Units to pixels.
const SCALE: f64 = 0.9;
/// The first is a terminal's own wherever there is one.
const FONT: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/// Of signs that take two cells.
const EMOJI: &str = "'Apple Color Emoji','Segoe UI Emoji','Noto Color Emoji',monospace";

/// One picture.
pub fn still(picture: &Picture, what: &str) -> String {
    let mut sheet = Sheet::default();
    let body = sheet.picture(picture, 0, 0);
    sheet.document(picture.size(), what, "", &body)
}

/// A film that begins again after `length`. Where nothing moves (a viewer without CSS, or a reader who asked for
/// calm), the picture number `poster` is shown.
pub fn animation(frames: &[Frame], length: Duration, what: &str, poster: usize) -> String {
    let mut sheet = Sheet::default();
    let size = frames.first().map_or((0, 0), |f| f.picture.size());
    let (width, height) = (units(size.0) * CELL, units(size.1) * LINE);
    let across = (1..).find(|n| n * n >= frames.len()).unwrap_or(1);
    let place = |i: usize| (units(i % across) * (width + GAP), units(i / across) * (height + GAP));
    let (mut body, mut steps, mut before) = (String::new(), String::new(), String::new());
    for (i, frame) in frames.iter().enumerate() {
        let (x, y) = place(i);
        body.push_str(&sheet.picture(&frame.picture, x, y));
        let at = format!("{:.2}", frame.at.as_secs_f64() * 100.0 / length.as_secs_f64().max(0.001));
        let at = at.trim_end_matches('0').trim_end_matches('.').to_owned();
        if at != before {
            let _ = write!(steps, "{at}%{{transform:translate({}px,{}px)}}", -x, -y);
        }
        before = at;
    }
    let style = format!(
        "@keyframes f{{{steps}}}.f{{animation:f {:.2}s step-end infinite}}\
         @media (prefers-reduced-motion:reduce){{.f{{animation:none}}}}",
        length.as_secs_f64()
    );
    let (x, y) = place(poster);
    let body = format!("<g class=\"f\" transform=\"translate({} {})\">{body}</g>", -x, -y);
    sheet.document(size, what, &style, &body)
}

/// What was written once, by number.
#[derive(Default)]
struct Sheet {
    looks: Once<(Rgb, bool, bool, bool)>,
    rows: Once<String>,
    blocks: Once<String>,
}

/// Things in the order of their first use.
struct Once<T> {
    known: HashMap<T, usize>,
    all: Vec<T>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), all: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Once<T> {
    fn number(&mut self, thing: T) -> usize {
        *self.known.entry(thing).or_insert_with_key(|thing| {
            self.all.push(thing.clone());
            self.all.len() - 1
        })
    }
}

impl Sheet {
    /// A picture with its upper left corner at this place.
    fn picture(&mut self, picture: &Picture, x: i32, y: i32) -> String {
        let mut out = String::new();
        for (n, rows) in picture.rows.chunks(BLOCK).enumerate() {
            let mut block = String::new();
            for (i, row) in rows.iter().enumerate() {
                let drawn = self.row(row);
                if !drawn.is_empty() {
                    let _ = write!(block, "<use href=\"#r{}\" y=\"{}\"/>", self.rows.number(drawn), units(i) * LINE);
                }
            }
            if !block.is_empty() {
                let y = y + units(n * BLOCK) * LINE + BASE;
                let _ = write!(out, "<use href=\"#b{}\" x=\"{x}\" y=\"{y}\"/>", self.blocks.number(block));
            }
        }
        if let Some((column, row)) = picture.cursor {
            let (x, y) = (x + i32::from(column) * CELL, y + i32::from(row) * LINE);
            let _ = write!(out, "<use href=\"#c\" x=\"{x}\" y=\"{y}\"/>");
        }
        out
    }

    /// A row, standing on 0.
    fn row(&mut self, cells: &[Cell]) -> String {
        let mut out = grounds(cells);
        out.push_str(&lines(cells));
        let mut at = 0;
        while let Some(cell) = cells.get(at) {
            let run = run(&cells[at..]);
            if !cell.text.is_empty() && shapes::path(&cell.text, 0, 0).is_none() {
                self.letters(&mut out, &cells[at..at + run], units(at) * CELL);
            }
            at += run;
        }
        out
    }

    fn letters(&mut self, out: &mut String, cells: &[Cell], x: i32) {
        let text: String = cells.iter().map(|c| if c.text.is_empty() { " " } else { &c.text }).collect();
        let Look { ink, bold, italic, underline, .. } = cells[0].look;
        let class = self.looks.number((ink, bold, italic, underline));
        let n = units(cells.len());
        let _ = match n {
            // A single sign stands in the middle of its cells, however wide the font makes it.
            1 if !text.is_ascii() => {
                let middle = x + if cells[0].wide { CELL } else { CELL / 2 };
                let kind = if cells[0].wide { "m e" } else { "m" };
                write!(out, "<text class=\"t{class} {kind}\" x=\"{middle}\">{}</text>", escaped(&text))
            }
            1 => write!(out, "<text class=\"t{class}\" x=\"{x}\">{}</text>", escaped(&text)),
            n => {
                let wide = n * CELL;
                write!(out, "<text class=\"t{class}\" x=\"{x}\" textLength=\"{wide}\">{}</text>", escaped(&text))
            }
        };
    }

    fn document(&self, size: (usize, usize), what: &str, style: &str, body: &str) -> String {
        let (w, h) = (units(size.0) * CELL, units(size.1) * LINE);
        let (width, height) = (w + 2 * PAD, h + 2 * PAD);
        let pixels = |n: i32| (f64::from(n) * SCALE).round();
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{what}\">\n<title>{what}</title>\n<style>text{{font:16.6px {FONT}}}.m{{text-anchor:middle}}\
             .e{{font-family:{EMOJI}}}path{{fill:none;stroke-width:1.5}}g rect{{shape-rendering:crispEdges}}",
            pixels(width),
            pixels(height),
            what = escaped(what)
        );
        for (i, (ink, bold, italic, underline)) in self.looks.all.iter().enumerate() {
            let _ = write!(out, ".t{i}{{fill:{}", hex(*ink));
            for (on, css) in
                [(bold, ";font-weight:700"), (italic, ";font-style:italic"), (underline, ";text-decoration:underline")]
            {
                out.push_str(if *on { css } else { "" });
            }
            out.push('}');
        }
        let _ = write!(out, "{style}</style>\n<defs>\n");
        let _ =
            writeln!(out, "<rect id=\"c\" width=\"{CELL}\" height=\"{LINE}\" fill=\"{}\" opacity=\".6\"/>", hex(INK));
        for (kind, all) in [('r', &self.rows.all), ('b', &self.blocks.all)] {
            for (i, drawn) in all.iter().enumerate() {
                let _ = writeln!(out, "<g id=\"{kind}{i}\">{drawn}</g>");
            }
        }
        let _ = write!(
            out,
            "</defs>\n<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"{}\" stroke=\"#3b4252\"/>\n\
             <svg x=\"{PAD}\" y=\"{PAD}\" width=\"{w}\" height=\"{h}\" overflow=\"hidden\">{body}</svg>\n</svg>\n",
            width - 1,
            height - 1,
            hex(GROUND)
        );
        out
    }
}

/// How many cells from the first one are drawn together: letters of one look, with single blanks between words.
fn run(cells: &[Cell]) -> usize {
    let plain = |c: &Cell| c.text.chars().all(|c| c.is_ascii_graphic() || c.is_alphabetic()) && !c.wide;
    let letter = |c: &Cell| !c.text.is_empty() && plain(c);
    let same = |c: &Cell| Look { ground: None, ..c.look } == Look { ground: None, ..cells[0].look };
    if !letter(&cells[0]) {
        return 1;
    }
    let mut n = 1;
    loop {
        match (cells.get(n), cells.get(n + 1)) {
            (Some(next), _) if letter(next) && same(next) => n += 1,
            (Some(gap), Some(next))
                if gap.text.is_empty() && !gap.look.underline && letter(next) && same(next) && !next.look.underline =>
            {
                n += 2;
            }
            _ => return n,
        }
    }
}

/// The grounds of a row.
fn grounds(cells: &[Cell]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while let Some(cell) = cells.get(at) {
        let n = cells[at..].iter().take_while(|c| c.look.ground == cell.look.ground).count();
        if let Some(ground) = cell.look.ground {
            let (x, wide) = (units(at) * CELL, units(n) * CELL);
            let fill = hex(ground);
            let _ = write!(out, "<rect x=\"{x}\" y=\"-{BASE}\" width=\"{wide}\" height=\"{LINE}\" fill=\"{fill}\"/>");
        }
        at += n;
    }
    out
}

/// The lines and blocks of a row, by colour.
fn lines(cells: &[Cell]) -> String {
    let mut drawn: Vec<((Rgb, bool), String)> = Vec::new();
    let mut at = 0;
    while let Some(cell) = cells.get(at) {
        let level = |c: &&Cell| c.text == "─" && c.look.ink == cell.look.ink;
        let n = cells[at..].iter().take_while(level).count().max(1);
        if let Some((path, stroke)) = shapes::path(&cell.text, units(at) * CELL, -BASE) {
            let path = if n > 1 { path.replace(&format!("h{CELL}"), &format!("h{}", units(n) * CELL)) } else { path };
            let key = (cell.look.ink, stroke);
            match drawn.iter_mut().find(|(k, _)| *k == key) {
                Some((_, all)) => all.push_str(&path),
                None => drawn.push((key, path)),
            }
        }
        at += n;
    }
    let tag = |((ink, stroke), path): &((Rgb, bool), String)| {
        let ink = hex(*ink);
        if *stroke {
            format!("<path stroke=\"{ink}\" d=\"{path}\"/>")
        } else {
            format!("<path style=\"fill:{ink}\" d=\"{path}\"/>")
        }
    };
    drawn.iter().map(tag).collect()
}

fn units(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn hex(Rgb(r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cast::Cast;
    use crate::film;

    fn cast(pieces: &[(u64, &str)]) -> Cast {
        let pieces = pieces.iter().map(|(ms, text)| (Duration::from_millis(*ms), (*text).to_owned())).collect();
        Cast { size: (20, 6), title: "t".to_owned(), pieces, hold: Duration::from_millis(500) }
    }

    fn drawn(text: &str) -> String {
        let frames = film::frames(&cast(&[(0, text)]));
        frames.last().map(|f| still(&f.picture, "a <test>")).unwrap_or_default()
    }

    #[test]
    fn letters_stand_in_their_cells_in_their_colours() {
        let svg = drawn("\u{1b}[?25l\u{1b}[3;5H\u{1b}[1;38;2;255;207;112m@sam\u{1b}[0m a<b \u{1b}[44m x\u{1b}[0m  👍");
        assert!(svg.contains("<text class=\"t0\" x=\"40\" textLength=\"40\">@sam</text>"), "{svg}");
        assert!(svg.contains(".t0{fill:#ffcf70;font-weight:700}"), "{svg}");
        assert!(svg.contains("<text class=\"t1\" x=\"90\" textLength=\"30\">a&lt;b</text>"), "{svg}");
        assert!(svg.contains("<rect x=\"130\" y=\"-15\" width=\"20\" height=\"20\" fill=\"#81a1c1\"/>"), "{svg}");
        assert!(
            svg.contains("<text class=\"t1 m e\" x=\"180\">👍</text>"),
            "a wide sign in the middle of two cells: {svg}"
        );
        assert!(svg.contains("<use href=\"#r0\" y=\"40\"/>") && svg.contains("<use href=\"#b0\" x=\"0\" y=\"15\"/>"));
        assert!(svg.contains("<title>a &lt;test&gt;</title>") && !svg.contains("href=\"#c\""));
    }

    #[test]
    fn lines_are_drawn_and_joined() {
        let svg = drawn("a ───┐");
        assert!(svg.contains("d=\"M20 -5h30M55 -5H50M55 -5V5\""), "{svg}");
        assert!(!svg.contains('─'), "not left to a font");
    }

    #[test]
    fn a_film_moves_from_picture_to_picture_and_writes_what_stays_once() {
        let cast = cast(&[(0, "\u{1b}[?25lsame\u{1b}[6;1H1"), (500, "\u{1b}[6;1H2"), (1_500, "\u{1b}[6;1H3")]);
        let frames = film::frames(&cast);
        let svg = animation(&frames, cast.length(), "film", 1);
        // Two pictures a row; the screen is 200 by 120, and some room between.
        assert!(svg.contains(
            "@keyframes f{0%{transform:translate(0px,0px)}25%{transform:translate(-220px,0px)}\
             75%{transform:translate(0px,-140px)}}"
        ));
        assert!(svg.contains("animation:f 2.00s step-end infinite") && svg.contains("prefers-reduced-motion"));
        assert!(svg.contains("<g class=\"f\" transform=\"translate(-220 0)\">"), "the poster");
        assert_eq!(svg.matches(">same<").count(), 1);
        assert_eq!(svg.matches("href=\"#b0\"").count(), 3, "shown in each picture");
        assert!(!svg.contains("<script") && !svg.contains("url(") && !svg.contains("<image"));
    }
}

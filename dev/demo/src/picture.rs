//! What a terminal shows at one moment, free of the emulator: cells with their letters and colours.

/// A colour, 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The terminal's own letters.
pub const INK: Rgb = Rgb(0xd8, 0xde, 0xe9);
/// The terminal's own ground.
pub const GROUND: Rgb = Rgb(0x1c, 0x20, 0x28);

/// The sixteen named colours.
const NAMED: [Rgb; 16] = [
    Rgb(0x3b, 0x42, 0x52),
    Rgb(0xbf, 0x61, 0x6a),
    Rgb(0xa3, 0xbe, 0x8c),
    Rgb(0xeb, 0xcb, 0x8b),
    Rgb(0x81, 0xa1, 0xc1),
    Rgb(0xb4, 0x8e, 0xad),
    Rgb(0x88, 0xc0, 0xd0),
    Rgb(0xe5, 0xe9, 0xf0),
    Rgb(0x4c, 0x56, 0x6a),
    Rgb(0xf2, 0x89, 0x91),
    Rgb(0xb5, 0xd0, 0x9e),
    Rgb(0xff, 0xdd, 0x9d),
    Rgb(0x93, 0xb3, 0xd3),
    Rgb(0xc6, 0xa0, 0xbf),
    Rgb(0x9a, 0xd2, 0xe2),
    Rgb(0xec, 0xef, 0xf4),
];

/// How a cell looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// The letters' colour.
    pub ink: Rgb,
    /// The ground, where it is not the terminal's own.
    pub ground: Option<Rgb>,
    /// Bold letters.
    pub bold: bool,
    /// Slanted letters.
    pub italic: bool,
    /// A line below.
    pub underline: bool,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// One grapheme; empty: nothing, or the second half of a wide one.
    pub text: String,
    /// Takes two cells.
    pub wide: bool,
    /// How it looks.
    pub look: Look,
}

/// The whole screen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Picture {
    /// Row by row, all of one length.
    pub rows: Vec<Vec<Cell>>,
    /// Column and row of the cursor, if it is shown.
    pub cursor: Option<(u16, u16)>,
}

impl Picture {
    /// Of an emulator's screen.
    pub fn of(screen: &vt100::Screen) -> Self {
        let (rows, columns) = screen.size();
        let cell = |row, column| screen.cell(row, column).map_or_else(blank, of);
        let (row, column) = screen.cursor_position();
        Self {
            rows: (0..rows).map(|row| (0..columns).map(|column| cell(row, column)).collect()).collect(),
            cursor: (!screen.hide_cursor() && column < columns).then_some((column, row)),
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        (self.rows.first().map_or(0, Vec::len), self.rows.len())
    }

    /// The letters alone, without white space at the ends of lines.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            let mut covered = false;
            for cell in row {
                match cell.text.as_str() {
                    "" if covered => {}
                    "" => line.push(' '),
                    text => line.push_str(text),
                }
                covered = cell.wide;
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn blank() -> Cell {
    let look = Look { ink: INK, ground: None, bold: false, italic: false, underline: false };
    Cell { text: String::new(), wide: false, look }
}

fn of(cell: &vt100::Cell) -> Cell {
    let (mut ink, mut ground) = (colour(cell.fgcolor()).unwrap_or(INK), colour(cell.bgcolor()));
    if cell.inverse() {
        (ink, ground) = (ground.unwrap_or(GROUND), Some(ink));
    }
    if cell.dim() {
        ink = between(ink, ground.unwrap_or(GROUND));
    }
    let text = if cell.is_wide_continuation() || cell.contents() == " " { "" } else { cell.contents() };
    let look = Look { ink, ground, bold: cell.bold(), italic: cell.italic(), underline: cell.underline() };
    Cell { text: text.to_owned(), wide: cell.is_wide(), look }
}

fn colour(colour: vt100::Color) -> Option<Rgb> {
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Rgb(r, g, b) => Some(Rgb(r, g, b)),
        vt100::Color::Idx(n) => Some(indexed(n)),
    }
}

/// One of the 256: sixteen names, a cube of six steps, a ladder of greys.
fn indexed(n: u8) -> Rgb {
    let step = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
    match n {
        0..16 => NAMED[usize::from(n)],
        16..232 => Rgb(step((n - 16) / 36), step((n - 16) / 6 % 6), step((n - 16) % 6)),
        _ => Rgb(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10),
    }
}

fn between(a: Rgb, b: Rgb) -> Rgb {
    let mix = |a: u8, b: u8| u8::try_from((u16::from(a) * 3 + u16::from(b) * 2) / 5).unwrap_or(a);
    Rgb(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn shown(bytes: &str) -> Picture {
        let mut parser = vt100::Parser::new(2, 12, 0);
        parser.process(bytes.as_bytes());
        Picture::of(parser.screen())
    }

    #[test]
    fn letters_colours_and_wide_characters_are_taken_over() {
        let picture = shown("\u{1b}[1;38;2;1;2;3mab\u{1b}[0m 日x\r\n\u{1b}[7mz");
        assert_eq!(picture.text(), "ab 日x\nz\n");
        let look = picture.rows[0][0].look;
        assert_eq!((look.ink, look.ground, look.bold), (Rgb(1, 2, 3), None, true));
        assert!(picture.rows[0][3].wide && picture.rows[0][4].text.is_empty());
        let inverse = picture.rows[1][0].look;
        assert_eq!((inverse.ink, inverse.ground), (GROUND, Some(INK)));
        assert_eq!(picture.cursor, Some((1, 1)));
    }

    #[test]
    fn the_256_colours_are_those_of_xterm() {
        assert_eq!(indexed(196), Rgb(255, 0, 0));
        assert_eq!(indexed(110), Rgb(135, 175, 215));
        assert_eq!((indexed(232), indexed(255)), (Rgb(8, 8, 8), Rgb(238, 238, 238)));
    }
}

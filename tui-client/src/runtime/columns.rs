//! Terminals disagree about how many columns some clusters of characters take: joined emoji, flags, keycaps, letters of
//! India. Whatever a terminal makes of one, what stands beside it must stay in its column. So such a cluster is written
//! onto blanks of the width the layout gave it, the cursor is put where the layout goes on, and the cells it may have run
//! over are written again behind it.

use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth as _};

/// Whether all terminals take as many columns for a cell's text as the layout does: one well-known character, alone or
/// with marks that take none anywhere.
pub(super) fn is_sure(symbol: &str) -> bool {
    // Most cells by far.
    if symbol.len() <= 1 {
        return true;
    }
    let mut chars = symbol.chars();
    let Some(first) = chars.next() else { return true };
    is_known(first) && chars.all(is_mark)
}

fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c7}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

fn is_known(c: char) -> bool {
    matches!(c,
        '\0'..='\u{2ff}' | '\u{370}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}'
        // Thai consonants and vowels that stand alone; typography; arrows, boxes and blocks.
        | '\u{e01}'..='\u{e30}' | '\u{1e00}'..='\u{1fff}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}'
        | '\u{2190}'..='\u{2193}' | '\u{21b3}' | '\u{2400}'..='\u{2426}' | '\u{2500}'..='\u{259f}'
        // Chinese, Japanese, Korean.
        | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{312f}' | '\u{3131}'..='\u{318e}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{ff01}'..='\u{ff9d}' | '\u{20000}'..='\u{3fffd}')
}

/// The most columns that some terminal takes for it: each of its characters by itself, as wide as it may be.
fn most(symbol: &str) -> u16 {
    let most = |c: char| match c {
        '\0'..='\u{2ff}' => 1,
        // Joiners, variation selectors, tags, and marks that combine take nothing anywhere.
        c if is_mark(c) => 0,
        '\u{200c}' | '\u{200d}' | '\u{20d0}'..='\u{20f0}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e01ef}' => 0,
        // Letters that are put together, alone.
        '\u{1100}'..='\u{11ff}' => 2,
        '\u{370}'..='\u{1fff}' => 1,
        _ => 2,
    };
    symbol.chars().map(most).sum()
}

/// Before a picture is compared with the one before it: the cells that a cluster may run over are written anew in each
/// frame, and a cluster that might run over the right edge, onto the next row, gives way to its first character.
pub(super) fn guard(picture: &mut Buffer) {
    let area = picture.area;
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &picture[(x, y)];
            if is_sure(cell.symbol()) {
                continue;
            }
            let may_take = most(cell.symbol()).max(cell.cell_width());
            let room = area.right() - x;
            if may_take > room {
                let first = cell.symbol().chars().next().filter(|c| most(c.encode_utf8(&mut [0; 4])) <= room);
                picture[(x, y)].set_char(first.unwrap_or('?'));
            }
            // Those of its own as well: when it goes, they differ from what then stands there.
            for over in x + 1..(x + may_take).min(area.right()) {
                picture[(over, y)].set_diff_option(CellDiffOption::AlwaysUpdate);
            }
        }
    }
}

/// A cell as blanks of its width, to be written before it.
pub(super) fn blanks(x: u16, y: u16, cell: &Cell) -> Vec<(u16, u16, Cell)> {
    let mut blank = cell.clone();
    blank.set_symbol(" ");
    (0..cell.cell_width()).map(|i| (x.saturating_add(i), y, blank.clone())).collect()
}

//! What stands where, for the mouse: regions that are noted while drawing, so that there is no second layout. What a
//! press does is `app::update`'s.

use ratatui::buffer::{Buffer, CellWidth as _};
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::links::{self, Links};
use crate::app::{App, Drawn, RowKey, Target, Zone};

/// One row of the text being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaretRow {
    /// The row of the screen.
    pub y: u16,
    /// The first cell of the text.
    pub x: u16,
    /// For each cell the byte that stands there.
    pub cells: Vec<usize>,
    /// The byte behind the row's last.
    pub end: usize,
}

/// The regions of a frame; of two that overlap the later one counts.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    targets: Vec<(Rect, Option<Target>)>,
    zones: Vec<(Rect, Zone)>,
    carets: Vec<CaretRow>,
    composer: Rect,
}

impl Hits {
    /// Forgets everything: another frame.
    pub fn clear(&mut self) {
        self.targets.clear();
        self.zones.clear();
        self.carets.clear();
        self.composer = Rect::default();
    }

    /// A press here means this.
    pub fn add(&mut self, area: Rect, target: Target) {
        self.targets.push((area, Some(target)));
    }

    /// A press here means nothing, whatever lies below.
    pub fn within(&mut self, area: Rect) {
        self.targets.push((area, None));
    }

    /// The wheel turned here moves this.
    pub fn zone(&mut self, area: Rect, zone: Zone) {
        self.zones.push((area, zone));
    }

    /// Where the text being written stands.
    pub fn carets(&mut self, area: Rect, rows: Vec<CaretRow>) {
        self.composer = area;
        self.carets = rows;
    }

    /// What a press on this cell means.
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let here = |area: &Rect| area.contains((column, row).into());
        if let Some((_, target)) = self.targets.iter().rev().find(|(area, _)| here(area)) {
            return target.clone();
        }
        let caret = self.carets.iter().find(|c| c.y == row).filter(|_| here(&self.composer))?;
        let cell = usize::from(column.saturating_sub(caret.x));
        Some(Target::Caret(caret.cells.get(cell).copied().unwrap_or(caret.end)))
    }

    /// What the wheel turned over this cell moves.
    pub fn zone_at(&self, column: u16, row: u16) -> Zone {
        let here = |area: &Rect| area.contains((column, row).into());
        self.zones.iter().rev().find(|(area, _)| here(area)).map_or(Zone::Timeline, |(_, zone)| *zone)
    }

    /// Notes the rows that were drawn at the bottom of an area, and within them what is marked: links and reactions.
    pub fn rows(&mut self, app: &App, zone: Zone, drawn: &Drawn, area: Rect, buffer: &Buffer, links: &Links) {
        self.zone(area, zone);
        let shown = u16::try_from(drawn.rows.len()).unwrap_or(u16::MAX).min(area.height);
        // A timeline stands at the bottom of its place, a thread at the top.
        let top = if zone == Zone::Thread { area.y } else { area.bottom() - shown };
        for ((key, ..), y) in drawn.rows.iter().zip(top..area.bottom()) {
            let at = Rect { y, height: 1, ..area };
            self.add(at, Target::Row(zone, key.clone()));
            self.marks(app, key, at, buffer, links);
        }
    }

    fn marks(&mut self, app: &App, key: &RowKey, row: Rect, buffer: &Buffer, links: &Links) {
        let mut x = row.x;
        while x < row.right() {
            let Some(cell) = buffer.cell((x, row.y)) else { return };
            if cell.underline_color == Color::Reset {
                x += 1;
                continue;
            }
            // The second cell of a wide character carries no marks of its own.
            let cells = cell.cell_width().clamp(1, row.right() - x);
            let at = Rect { x, width: cells, ..row };
            match (cell.underline_color, key) {
                (Color::Indexed(which), RowKey::Stored(seq)) => {
                    let message = app.message(*seq);
                    let reaction = message.as_ref().and_then(|m| m.reactions.get(usize::from(which)));
                    self.extend(at, reaction.map(|r| Target::Reaction(*seq, r.emoji.clone())));
                }
                (colour, _) => {
                    let url = links::number(colour).and_then(|n| links.get(&n));
                    self.extend(at, url.map(|url| Target::Link(url.clone())));
                }
            }
            x += cells;
        }
    }

    /// Goes on with the region before it if it means the same.
    fn extend(&mut self, at: Rect, target: Option<Target>) {
        let Some(target) = target else { return };
        match self.targets.last_mut() {
            Some((area, Some(last))) if *last == target && area.y == at.y && area.right() == at.x => {
                area.width += at.width;
            }
            _ => self.add(at, target),
        }
    }
}

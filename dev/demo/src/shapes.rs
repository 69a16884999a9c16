//! Lines and blocks drawn as what they are: a font's own would leave gaps between cells, each font its own.

use crate::svg::{CELL, LINE};

/// The path of a character that is a shape, in the cell whose left edge is at `x` and whose top is at `y`; `None`
/// where it is a letter. Strokes and fills are told apart: `true` is a stroke.
pub fn path(text: &str, x: i32, y: i32) -> Option<(String, bool)> {
    let (w, h) = (CELL, LINE);
    let (cx, cy) = (x + w / 2, y + h / 2);
    let (right, down) = (x + w, y + h);
    let line = |arms: &str| {
        let arm = |c| match c {
            'l' => format!("M{cx} {cy}H{x}"),
            'r' => format!("M{cx} {cy}H{right}"),
            'u' => format!("M{cx} {cy}V{y}"),
            _ => format!("M{cx} {cy}V{down}"),
        };
        arms.chars().map(arm).collect::<String>()
    };
    let bow = |to_x: i32, to_y: i32| format!("M{to_x} {cy}Q{cx} {cy} {cx} {to_y}");
    let stroke = match text {
        "─" => format!("M{x} {cy}h{w}"),
        "│" => format!("M{cx} {y}v{h}"),
        "┌" => line("rd"),
        "┐" => line("ld"),
        "└" => line("ru"),
        "┘" => line("lu"),
        "├" => line("rud"),
        "┤" => line("lud"),
        "┬" => line("lrd"),
        "┴" => line("lru"),
        "┼" => line("lrud"),
        "╭" => bow(right, down),
        "╮" => bow(x, down),
        "╰" => bow(right, y),
        "╯" => bow(x, y),
        _ => return block(text, x, y).map(|path| (path, false)),
    };
    Some((stroke, true))
}

fn block(text: &str, x: i32, y: i32) -> Option<String> {
    // The eighths of which curves are made stand on the cell's ground.
    if let Some(eighths) = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"].iter().position(|part| *part == text) {
        let high = LINE * (i32::try_from(eighths).unwrap_or(0) + 1) / 8;
        return Some(format!("M{x} {}h{CELL}v{high}h-{CELL}z", y + LINE - high));
    }
    let wide = match text {
        "█" => CELL,
        "▌" => CELL / 2,
        "▎" | "▏" => CELL / 4,
        _ => return None,
    };
    Some(format!("M{x} {y}h{wide}v{LINE}h-{wide}z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_meet_at_the_edges_of_cells() {
        assert_eq!(path("─", 10, 0), Some((format!("M10 {}h{CELL}", LINE / 2), true)));
        let (corner, stroke) = path("┌", 0, 0).unwrap_or_default();
        assert!(stroke && corner.contains(&format!("H{CELL}")) && corner.contains(&format!("V{LINE}")), "{corner}");
        assert_eq!(path("▌", 0, 0).map(|(_, stroke)| stroke), Some(false));
        assert_eq!(path("▄", 0, 0), Some((format!("M0 {}h{CELL}v{}h-{CELL}z", LINE / 2, LINE / 2), false)));
        assert_eq!(path("x", 0, 0), None);
    }
}

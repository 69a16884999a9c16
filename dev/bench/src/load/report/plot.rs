//! The plots, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::peer::Peer;
use super::super::results::Results;
use super::table::number;

const SIZE: (u32, u32) = (980, 430);
/// Where the names of the colours begin.
const NAMES: u32 = 780;
const FONT: &str = "sans-serif";

fn colour(peer: Peer) -> RGBColor {
    match peer {
        Peer::Ours => RGBColor(0x1b, 0x5f, 0xaa),
        Peer::Node => RGBColor(0x3c, 0x87, 0x3a),
        Peer::Nest => RGBColor(0xc2, 0x27, 0x4f),
        Peer::Bare => RGBColor(0xd9, 0x86, 0x12),
        Peer::Floor => RGBColor(0x80, 0x80, 0x80),
    }
}

/// A line's name, colour and points.
type Line = (String, RGBColor, Vec<(f64, f64)>);

/// Lines of one figure over what the load grows by.
struct Lines {
    file: &'static str,
    title: &'static str,
    x: &'static str,
    y: &'static str,
    /// A bound to draw.
    bound: Option<f64>,
    lines: Vec<Line>,
}

/// Draws all of which there are figures.
pub fn all(results: &Results, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let loads = [
        ("fanout/one", "one by one"),
        ("fanout/burst10", "bursts of 10"),
        ("fanout/burst25", "bursts of 25"),
        ("stream", "20 × 2,000/s"),
        ("heavy", "200,000/s"),
    ];
    let title = "Server CPU per delivery, µs (less is better)";
    bars(results, &folder.join("cpu.svg"), title, &loads, "cpu", 1)?;
    let title = "Resident memory of an idle connection, KiB (less is better)";
    bars(results, &folder.join("memory.svg"), title, &[("idle", "5,000 idle connections")], "memory", 1)?;
    let by_peer = |load: &str, key: &str| {
        let line = |peer: &Peer| (peer.name().to_owned(), colour(*peer), results.points(load, peer.key(), key));
        Peer::value_variants().iter().map(line).collect()
    };
    let kinds = [
        ("latest", "latest page", RGBColor(0x1b, 0x5f, 0xaa)),
        ("page", "a page anywhere", RGBColor(0x3c, 0x87, 0x3a)),
        ("rare", "search: one hit", RGBColor(0xd9, 0x86, 0x12)),
        ("common", "search: a common word", RGBColor(0xc2, 0x27, 0x4f)),
        ("both", "search: two words", RGBColor(0x80, 0x80, 0x80)),
    ];
    let stored = kinds.map(|(what, name, colour)| {
        (name.to_owned(), colour, results.points(&format!("stored/{what}"), "ours", "p99"))
    });
    let plots = [
        Lines {
            file: "latency.svg",
            title: "Delay of a delivery (p99) as the offered rate grows, 400 sockets",
            x: "deliveries a second offered",
            y: "p99, ms",
            bound: Some(100.0),
            lines: by_peer("peak/curve", "p99"),
        },
        Lines {
            file: "sockets.svg",
            title: "Server CPU per delivery as a room grows, bursts of 10",
            x: "sockets in the room",
            y: "µs",
            bound: None,
            lines: by_peer("growth/sockets", "cpu"),
        },
        Lines {
            file: "rooms.svg",
            title: "Server CPU per delivery as 1,000 sockets spread over more rooms",
            x: "rooms",
            y: "µs",
            bound: None,
            lines: by_peer("growth/rooms", "cpu"),
        },
        Lines {
            file: "stored.svg",
            title: "Time of a request (p99) as more is stored",
            x: "messages stored",
            y: "ms",
            bound: None,
            lines: stored.into(),
        },
    ];
    plots.into_iter().try_for_each(|plot| plot.draw(folder))
}

/// Bars in groups, a group for each load.
fn bars(results: &Results, path: &Path, title: &str, loads: &[(&str, &str)], key: &str, digits: usize) -> Result<()> {
    let figure = |load: &str, peer: Peer| results.get(load, peer.key(), key);
    let peers = Peer::value_variants();
    let all = loads.iter().flat_map(|(load, _)| peers.iter().filter_map(move |peer| figure(load, *peer)));
    let most = all.fold(0.0, f64::max);
    if most == 0.0 {
        return Ok(());
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let (left, right) = root.split_horizontally(NAMES);
    let mut chart = ChartBuilder::on(&left)
        .caption(title, (FONT, 18))
        .margin(14)
        .x_label_area_size(34)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..loads.len() as f64, 0.0..most * 1.12)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .light_line_style(TRANSPARENT)
        .y_label_style((FONT, 13))
        .y_label_formatter(&|value| number(*value, usize::from(most < 8.0)))
        .draw()
        .map_err(failed)?;
    let width = 0.8 / peers.len() as f64;
    for (i, peer) in peers.iter().enumerate() {
        let place = |group: usize| group as f64 + 0.1 + i as f64 * width;
        let figures = loads.iter().enumerate();
        let there: Vec<_> =
            figures.filter_map(|(group, (load, _))| Some((place(group), figure(load, *peer)?))).collect();
        let bar = |(x, value): &(f64, f64)| {
            Rectangle::new([(*x + width * 0.06, 0.0), (*x + width * 0.94, *value)], colour(*peer).filled())
        };
        chart.draw_series(there.iter().map(bar)).map_err(failed)?;
        let above = |(x, value): &(f64, f64)| {
            EmptyElement::at((*x + width / 2.0, *value))
                + Text::new(number(*value, digits), (0, -3), words(12, HPos::Center, VPos::Bottom))
        };
        chart.draw_series(there.iter().map(above)).map_err(failed)?;
    }
    let below = |(group, (_, name)): (usize, &(&str, &str))| {
        EmptyElement::at((group as f64 + 0.5, 0.0))
            + Text::new((*name).to_owned(), (0, 9), words(14, HPos::Center, VPos::Top))
    };
    chart.draw_series(loads.iter().enumerate().map(below)).map_err(failed)?;
    names(&right, peers.iter().map(|peer| (peer.name(), colour(*peer))))?;
    root.present().map_err(failed)
}

impl Lines {
    fn draw(&self, folder: &Path) -> Result<()> {
        let points = || self.lines.iter().flat_map(|(_, _, points)| points);
        let (xs, ys) = (range(points().map(|p| p.0)), range(points().map(|p| p.1).chain(self.bound)));
        let (Some(xs), Some(ys)) = (xs, ys) else { return Ok(()) };
        let (xs, ys) = ((xs.0 * 0.9, xs.1 * 1.1), (ys.0 * 0.8, ys.1 * 1.25));
        let path = folder.join(self.file);
        let root = SVGBackend::new(&path, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (left, right) = root.split_horizontally(NAMES);
        let mut chart = ChartBuilder::on(&left)
            .caption(self.title, (FONT, 18))
            .margin(14)
            .x_label_area_size(52)
            .y_label_area_size(70)
            .build_cartesian_2d((xs.0..xs.1).log_scale(), (ys.0..ys.1).log_scale())
            .map_err(failed)?;
        // Asked for no label it still writes one on a logarithmic axis; the labels are drawn below.
        let none = |_: &f64| String::new();
        let mut mesh = chart.configure_mesh();
        mesh.x_label_formatter(&none).y_label_formatter(&none);
        mesh.disable_mesh().x_labels(0).y_labels(0).x_desc(self.x).y_desc(self.y).axis_desc_style((FONT, 14));
        mesh.draw().map_err(failed)?;
        // The library's own marks of a logarithm run into each other.
        for x in marks(xs) {
            let line = PathElement::new(vec![(x, ys.0), (x, ys.1)], BLACK.mix(0.12));
            chart.draw_series([line]).map_err(failed)?;
            let text = Text::new(mark(x), (0, 8), words(13, HPos::Center, VPos::Top));
            chart.draw_series([EmptyElement::at((x, ys.0)) + text]).map_err(failed)?;
        }
        for y in marks(ys) {
            let line = PathElement::new(vec![(xs.0, y), (xs.1, y)], BLACK.mix(0.12));
            chart.draw_series([line]).map_err(failed)?;
            let text = Text::new(mark(y), (-8, 0), words(13, HPos::Right, VPos::Center));
            chart.draw_series([EmptyElement::at((xs.0, y)) + text]).map_err(failed)?;
        }
        if let Some(bound) = self.bound {
            let line = DashedLineSeries::new([(xs.0, bound), (xs.1, bound)], 6, 4, BLACK.stroke_width(1));
            chart.draw_series(line).map_err(failed)?;
        }
        for (_, colour, points) in &self.lines {
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2))).map_err(failed)?;
            chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, colour.filled()))).map_err(failed)?;
        }
        let drawn = self.lines.iter().filter(|(_, _, points)| !points.is_empty());
        names(&right, drawn.map(|(name, colour, _)| (name.as_str(), *colour)))?;
        root.present().map_err(failed)
    }
}

/// A text's size and which of its points stands where it is put.
fn words(size: u32, across: HPos, along: VPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK).pos(Pos::new(across, along))
}

/// What each colour is.
fn names<'a>(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    colours: impl Iterator<Item = (&'a str, RGBColor)>,
) -> Result<()> {
    for (y, (name, colour)) in (60..).step_by(24).zip(colours) {
        area.draw(&Rectangle::new([(4, y), (18, y + 12)], colour.filled())).map_err(failed)?;
        let text = Text::new(name.to_owned(), (26, y + 6), words(14, HPos::Left, VPos::Center));
        area.draw(&text).map_err(failed)?;
    }
    Ok(())
}

/// Round numbers within a range: 1, 2 and 5 of each power of ten, or the powers alone where there are many.
fn marks(range: (f64, f64)) -> Vec<f64> {
    let steps: &[f64] = if range.1 / range.0 > 2_000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = (-6..12).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|mark| *mark >= range.0 && *mark <= range.1).collect()
}

fn mark(value: f64) -> String {
    if value < 0.9 { format!("{value:.3}").trim_end_matches('0').to_owned() } else { number(value, 0) }
}

/// The least and the greatest; logarithms need them above zero.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|v| *v > 0.0)
        .fold(None, |range: Option<(f64, f64)>, v| Some(range.map_or((v, v), |(low, high)| (low.min(v), high.max(v)))))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("drawing: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(marks((18.0, 520.0)), [20.0, 50.0, 100.0, 200.0, 500.0]);
        assert_eq!(marks((0.9, 90_000.0)), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!([0.05, 0.5, 1.0, 20_000.0].map(mark), ["0.05", "0.5", "1", "20,000"]);
    }
}

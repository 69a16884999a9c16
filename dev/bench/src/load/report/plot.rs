//! The plots, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::peer::Peer;
use super::super::results::Results;
use super::table::number;

const SIZE: (u32, u32) = (900, 430);
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
    let mut chart = ChartBuilder::on(&root)
        .caption(title, (FONT, 18))
        .margin(14)
        .x_label_area_size(30)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..loads.len() as f64, 0.0..most * 1.12)
        .map_err(failed)?;
    chart.configure_mesh().disable_x_mesh().x_labels(0).y_label_style((FONT, 13)).draw().map_err(failed)?;
    let width = 0.8 / peers.len() as f64;
    let centred = |size: u32, top: VPos| (FONT, size).into_font().color(&BLACK).pos(Pos::new(HPos::Center, top));
    for (i, peer) in peers.iter().enumerate() {
        let place = |group: usize| group as f64 + 0.1 + i as f64 * width;
        let there: Vec<_> = loads
            .iter()
            .enumerate()
            .filter_map(|(group, (load, _))| Some((place(group), figure(load, *peer)?)))
            .collect();
        let bar = |(x, value): &(f64, f64)| {
            Rectangle::new([(*x + width * 0.06, 0.0), (*x + width * 0.94, *value)], colour(*peer).filled())
        };
        chart
            .draw_series(there.iter().map(bar))
            .map_err(failed)?
            .label(peer.name())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour(*peer).filled()));
        let values = there.iter().map(|(x, value)| {
            Text::new(number(*value, digits), (*x + width / 2.0, *value + most * 0.01), centred(12, VPos::Bottom))
        });
        chart.draw_series(values).map_err(failed)?;
    }
    let names = loads.iter().enumerate().map(|(group, (_, name))| {
        Text::new((*name).to_owned(), (group as f64 + 0.5, -most * 0.02), centred(14, VPos::Top))
    });
    chart.draw_series(names).map_err(failed)?;
    legend(&mut chart)?;
    root.present().map_err(failed)
}

impl Lines {
    fn draw(&self, folder: &Path) -> Result<()> {
        let points = || self.lines.iter().flat_map(|(_, _, points)| points);
        let (xs, ys) = (range(points().map(|p| p.0)), range(points().map(|p| p.1).chain(self.bound)));
        let (Some(xs), Some(ys)) = (xs, ys) else { return Ok(()) };
        let path = folder.join(self.file);
        let root = SVGBackend::new(&path, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, (FONT, 18))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(64)
            .build_cartesian_2d((xs.0 * 0.9..xs.1 * 1.1).log_scale(), (ys.0 * 0.8..ys.1 * 1.6).log_scale())
            .map_err(failed)?;
        let short = |value: &f64| if *value < 1.0 { format!("{value}") } else { number(*value, 0) };
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .axis_desc_style((FONT, 14))
            .label_style((FONT, 13))
            .light_line_style(BLACK.mix(0.06))
            .bold_line_style(BLACK.mix(0.16))
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .draw()
            .map_err(failed)?;
        if let Some(bound) = self.bound {
            let line = DashedLineSeries::new([(xs.0 * 0.9, bound), (xs.1 * 1.1, bound)], 6, 4, BLACK.stroke_width(1));
            chart.draw_series(line).map_err(failed)?;
        }
        for (name, colour, points) in self.lines.iter().filter(|(_, _, points)| !points.is_empty()) {
            let colour = *colour;
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
                .map_err(failed)?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14, y)], colour.stroke_width(3)));
            chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, colour.filled()))).map_err(failed)?;
        }
        legend(&mut chart)?;
        root.present().map_err(failed)
    }
}

fn legend<'a, X, Y>(chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>) -> Result<()>
where
    X: plotters::coord::ranged1d::Ranged,
    Y: plotters::coord::ranged1d::Ranged,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 13))
        .draw()
        .map_err(failed)
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

//! The curve as an SVG: memory, then what is counted, over the minutes of the run; the line through the last quarter of an
//! hour in the same picture.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;

use super::sample::Sample;
use super::trend::{Figure, Trend};

/// Width and height of the whole in pixels.
const SIZE: (u32, u32) = (960, 920);
/// One point stands for so many samples.
const TOGETHER: usize = 10;

/// Each panel: its title and the figures in it.
const PANELS: [(&str, &[Figure]); 4] = [
    (
        "memory, MiB",
        &[
            ("resident", "MiB", |s| s.resident_kib as f64 / 1024.0),
            ("of it anonymous", "MiB", |s| s.anonymous_kib as f64 / 1024.0),
        ],
    ),
    (
        "open files, connections",
        &[("open files", "", |s| s.files as f64), ("connections", "", |s| s.connections as f64)],
    ),
    ("tasks", &[("tasks", "", |s| s.tasks as f64)]),
    ("threads", &[("threads", "", |s| s.threads as f64)]),
];
const COLOURS: [RGBColor; 2] = [RGBColor(31, 95, 160), RGBColor(190, 100, 20)];

/// Draws the samples of a run into `path`.
pub fn draw(samples: &[Sample], path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(anyhow::Error::from).and_then(|()| {
        let parts = area.split_evenly((PANELS.len(), 1));
        parts.iter().zip(PANELS).try_for_each(|(part, (title, figures))| panel(part, title, figures, samples))?;
        Ok(area.present()?)
    });
    drawn.with_context(|| format!("{} cannot be drawn", path.display()))
}

fn panel<'a>(
    part: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &str,
    figures: &[Figure],
    samples: &[Sample],
) -> Result<()>
where
    SVGBackend<'a>: 'a,
{
    let series: Vec<Vec<(f64, f64)>> = figures.iter().map(|figure| smooth(samples, figure)).collect();
    let end = samples.last().map_or(1.0, |s| s.seconds / 60.0);
    let top = series.iter().flatten().map(|p| p.1).fold(1.0, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(part)
        .caption(title, ("sans-serif", 17))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(240, 240, 240))
        .x_labels(16)
        .y_labels(6)
        .x_label_formatter(&|minutes| format!("{minutes:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .x_desc("minutes")
        .label_style(("sans-serif", 13))
        .draw()?;
    for ((points, colour), figure) in series.iter().zip(COLOURS).zip(figures) {
        let (mut label, mut line) = (figure.0.to_owned(), Vec::new());
        let minutes: Vec<_> = samples.iter().map(|s| (s.seconds, (figure.2)(s))).collect();
        if let Some(trend) = Trend::of(figure.0, figure.1, &minutes) {
            label = format!("{}, {:+.2} % in the last 15 minutes", figure.0, trend.growth() * 100.0);
            line = [trend.from, trend.to].map(|(t, v)| (t / 60.0, v)).to_vec();
        }
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(1)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
        chart.draw_series(LineSeries::new(line, BLACK.stroke_width(2)))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}

/// Minutes and means, each of a few samples.
fn smooth(samples: &[Sample], figure: &Figure) -> Vec<(f64, f64)> {
    let mean = |few: &[Sample], of: &dyn Fn(&Sample) -> f64| few.iter().map(of).sum::<f64>() / few.len() as f64;
    samples.chunks(TOGETHER).map(|few| (mean(few, &|s| s.seconds / 60.0), mean(few, &figure.2))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_every_figure_with_its_growth() {
        let sample = |n: u32| Sample {
            seconds: f64::from(n),
            resident_kib: 51_200,
            anonymous_kib: 40_960,
            files: 300,
            threads: 9,
            tasks: 400 + u64::from(n / 2),
            connections: 250,
            messages: u64::from(n),
        };
        let samples: Vec<_> = (0..1_800).map(sample).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soak.svg");
        draw(&samples, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for label in ["resident, +0.00 % in", "of it anonymous, +0.00 %", "open files, +0.00 %", "connections, +0.00 %"]
        {
            assert!(svg.contains(label), "{label}");
        }
        // From 849 to 1,299 in the last 900 s.
        assert!(svg.contains("tasks, +52.9"), "the growth of what grows");
    }
}

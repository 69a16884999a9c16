//! `cargo xtask demo`: the README's pictures, made anew from the real programs. Plays a scripted session in a terminal
//! of its own ([`scene`]), keeps what the program wrote as an asciicast ([`cast`]), and draws it with a terminal
//! emulator ([`picture`], [`film`]) as SVG ([`svg`]). Nothing of the machine it runs on may stand in what it writes
//! ([`clean`]).

mod cast;
mod clean;
mod film;
mod picture;
mod readme;
mod scene;
mod screens;
mod shapes;
mod stage;
mod svg;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

/// Records the README's demo and screens.
#[derive(Parser)]
struct Options {
    /// Where the files go instead of to `docs/`; the README is left alone then.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Take only the screen of `chat-server top`.
    #[arg(long)]
    top: bool,
    /// Draw again from the recording that lies there, without playing.
    #[arg(long)]
    redraw: bool,
    /// Also write the picture at these seconds, each as a file of its own, to be looked at.
    #[arg(long, value_name = "SECONDS", value_delimiter = ',')]
    frames: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let into = options.into.clone().unwrap_or_else(|| chat_e2e::program::root().join("docs"));
    let write = |name: &str, text: &str| -> Result<()> {
        let path = into.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{name}: {} kB", text.len().div_ceil(1000));
        Ok(())
    };
    let write_shot = |shot: &screens::Shot| -> Result<()> {
        write(&format!("screen-{}.svg", shot.name), &svg::still(&shot.picture, shot.what))?;
        write(&format!("screen-{}.txt", shot.name), &shot.picture.text())
    };
    if options.top {
        let shot = screens::top().await?;
        clean::check(shot.name, &shot.picture.text())?;
        return write_shot(&shot);
    }
    let recording = if options.redraw {
        let path = into.join("demo.cast");
        cast::Cast::parse(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)?
    } else {
        let (recording, shots) = play().await?;
        write("demo.cast", &recording.text())?;
        shots.iter().try_for_each(write_shot)?;
        if let Some(shot) = shots.first().filter(|_| options.into.is_none()) {
            readme::put(&chat_e2e::program::root().join("README.md"), &shot.picture.text())?;
        }
        recording
    };
    let frames = film::frames(&recording);
    println!("{} frames, {:.1} s", frames.len(), recording.length().as_secs_f64());
    write("demo.svg", &svg::animation(&frames, recording.length(), scene::TITLE, scene::poster(&frames)))?;
    for second in &options.frames {
        let at = std::time::Duration::from_secs_f64(*second);
        if let Some(frame) = frames.iter().rev().find(|f| f.at <= at) {
            write(&format!("frame-{second}.svg"), &svg::still(&frame.picture, "one moment"))?;
        }
    }
    Ok(())
}

/// Plays everything; what comes out holds nothing of this machine.
async fn play() -> Result<(cast::Cast, Vec<screens::Shot>)> {
    let recording = scene::play().await?;
    let mut shots = screens::take().await?;
    shots.push(screens::top().await?);
    clean::check("demo.cast", &recording.text())?;
    for shot in &shots {
        clean::check(shot.name, &shot.picture.text())?;
    }
    Ok((recording, shots))
}

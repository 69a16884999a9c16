//! From a key to the picture that shows it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::terminal::{Terminal, rows};

/// A key that is not answered within this: the program hangs.
const PATIENCE: Duration = Duration::from_secs(90);
/// Letters typed before the line is emptied.
const LINE: usize = 20;
/// Cuts the line up to its beginning, in both programs.
const EMPTY: &str = "\x15";

/// Types letters one by one, each after the one before is shown and a while has passed, until `until` or `most`; how
/// long each took. `prompt` is what stands before the text.
pub async fn type_letters(
    terminal: &Terminal,
    prompt: &str,
    gap: Duration,
    (most, until): (usize, Instant),
) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    let mut typed = String::new();
    let mut chance = 7_u64;
    while took.len() < most && Instant::now() < until {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let letter = char::from(b'a' + u8::try_from((chance >> 40) % 26).unwrap_or(0));
        typed.push(letter);
        let line = format!("{prompt}{typed}");
        let shown = terminal.when(move |screen| rows(screen).iter().any(|row| row.contains(&line)));
        let pressed = terminal.press(&letter.to_string())?;
        let at = terminal.told("the letter typed", PATIENCE, shown).await?;
        took.push(at.saturating_duration_since(pressed));
        if typed.len() == LINE {
            empty(terminal, prompt, &mut typed).await?;
        }
        // Uneven, so that no rhythm of the program's is met.
        let part = u32::try_from((chance >> 33) % 1_000).unwrap_or(0);
        tokio::time::sleep(gap / 2 + gap * part / 1_000).await;
    }
    if !typed.is_empty() {
        empty(terminal, prompt, &mut typed).await?;
    }
    took.sort_unstable();
    Ok(took)
}

async fn empty(terminal: &Terminal, prompt: &str, typed: &mut String) -> Result<()> {
    let line = format!("{prompt}{}", std::mem::take(typed));
    let gone = terminal.when(move |screen| rows(screen).iter().all(|row| !row.contains(&line)));
    terminal.press(EMPTY)?;
    terminal.told("an empty line", PATIENCE, gone).await.map(drop)
}

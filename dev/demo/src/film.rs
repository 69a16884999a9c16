//! A recording as a row of pictures: what came within a moment is one, and what changes nothing is none.

use std::time::Duration;

use crate::cast::Cast;
use crate::picture::Picture;

/// What is written within this is seen as one change.
const MOMENT: Duration = Duration::from_millis(45);

/// A picture and the moment from which on it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// From the beginning of the recording.
    pub at: Duration,
    /// What is shown.
    pub picture: Picture,
}

/// All pictures of a recording; the first stands at its beginning.
pub fn frames(cast: &Cast) -> Vec<Frame> {
    let (columns, rows) = cast.size;
    let mut parser = vt100::Parser::new(rows, columns, 0);
    let mut frames = vec![Frame { at: Duration::ZERO, picture: Picture::of(parser.screen()) }];
    let mut pieces = cast.pieces.iter().peekable();
    while let Some((at, text)) = pieces.next() {
        parser.process(text.as_bytes());
        while let Some((_, text)) = pieces.next_if(|(next, _)| next.saturating_sub(*at) < MOMENT) {
            parser.process(text.as_bytes());
        }
        let picture = Picture::of(parser.screen());
        match frames.last_mut() {
            Some(last) if last.at == *at => last.picture = picture,
            Some(last) if last.picture == picture => {}
            _ => frames.push(Frame { at: *at, picture }),
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_picture_and_what_changes_nothing_none() {
        let at = |ms| Duration::from_millis(ms);
        let pieces = [(100, "a"), (110, "b"), (300, "\u{1b}[0m"), (400, "c")];
        let pieces = pieces.map(|(ms, text)| (at(ms), text.to_owned())).to_vec();
        let cast = Cast { size: (5, 1), title: String::new(), pieces, hold: at(1_000) };
        let seen: Vec<_> = frames(&cast).into_iter().map(|f| (f.at, f.picture.text())).collect();
        assert_eq!(seen, [(at(0), "\n".into()), (at(100), "ab\n".into()), (at(400), "abc\n".into())]);
    }
}

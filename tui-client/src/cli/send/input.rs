//! Where the text comes from, and how it is cut into messages.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::args::SendArgs;
use super::super::error::{CliError, Exit};
use crate::app::parts::{code, split};

/// The most that is read as one text; far more than several messages can hold.
const MOST: u64 = 16 * 1024 * 1024;
/// Lines read ahead of the network; a full queue stops reading, so the writer waits.
const AHEAD: usize = 64;
/// A line longer than this is not a message in any way.
const LINE: u64 = 1024 * 1024;

/// Texts, one after the other.
pub enum Texts {
    /// One.
    One(Option<String>),
    /// As lines come.
    Lines {
        /// From the thread that reads.
        lines: mpsc::Receiver<Result<String, CliError>>,
        /// Lines within this time belong together.
        batch: Option<Duration>,
        /// The largest text that lines are joined to, bytes.
        limit: usize,
        /// One that did not fit any more.
        left: Option<String>,
    },
}

impl Texts {
    /// Finds the one source that was given.
    pub fn open(args: &SendArgs) -> Result<Self, CliError> {
        if let Some(text) = args.message.clone() {
            return Ok(Self::given(text, args));
        }
        if !args.words.is_empty() {
            return Ok(Self::given(args.words.join(" "), args));
        }
        let reader: Box<dyn Read + Send> = match &args.file {
            Some(path) if path != Path::new("-") => {
                Box::new(std::fs::File::open(path).map_err(|e| CliError::io(path.display(), &e))?)
            }
            _ => Box::new(std::io::stdin()),
        };
        if args.lines {
            let (tell, lines) = mpsc::channel(AHEAD);
            std::thread::Builder::new()
                .name("input".to_owned())
                .spawn(move || read_lines(reader, &tell))
                .map_err(|e| CliError::io("input", &e))?;
            let limit = chat_common::Limits::default().text_bytes - fence(args);
            return Ok(Self::Lines { lines, batch: args.batch, limit, left: None });
        }
        let mut bytes = Vec::new();
        let read = reader.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| CliError::io("input", &e))?;
        if read as u64 > MOST {
            return Err(CliError::new(Exit::Data, "too_large", "the input has more than 16 MiB"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| not_utf8())?;
        if text.ends_with('\n') {
            text.pop();
        }
        Ok(Self::One(Some(text)))
    }

    fn given(text: String, args: &SendArgs) -> Self {
        if !args.lines {
            return Self::One(Some(text));
        }
        let (tell, lines) = mpsc::channel(text.lines().count().max(1));
        for line in text.lines() {
            // The channel has room for all of them.
            let _ = tell.try_send(Ok(line.to_owned()));
        }
        Self::Lines { lines, batch: None, limit: usize::MAX, left: None }
    }

    /// The next text; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>, CliError> {
        match self {
            Self::One(text) => Ok(text.take()),
            Self::Lines { lines, batch, limit, left } => {
                let first = match left.take() {
                    Some(line) => Some(line),
                    None => lines.recv().await.transpose()?,
                };
                let (Some(mut text), Some(batch)) = (first.clone(), *batch) else { return Ok(first) };
                let end = tokio::time::Instant::now() + batch;
                while let Ok(Some(line)) = tokio::time::timeout_at(end, lines.recv()).await {
                    let line = line?;
                    if text.len() + line.len() + 1 > *limit {
                        *left = Some(line);
                        break;
                    }
                    text.push('\n');
                    text.push_str(&line);
                }
                Ok(Some(text))
            }
        }
    }
}

fn not_utf8() -> CliError {
    CliError::new(Exit::Data, "invalid", "the input is not UTF-8").hint("convert it, for example with iconv")
}

fn read_lines(reader: impl Read, tell: &mpsc::Sender<Result<String, CliError>>) {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let result = match reader.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(n) if n as u64 == LINE => Err(CliError::new(Exit::Data, "too_large", "a line has more than 1 MiB")),
            Ok(_) => {
                let end = line.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
                line.truncate(end);
                String::from_utf8(line).map_err(|_| not_utf8())
            }
            Err(e) => Err(CliError::io("input", &e)),
        };
        let stop = result.is_err();
        if tell.blocking_send(result).is_err() || stop {
            return;
        }
    }
}

/// Bytes that the fence of `--code` takes.
fn fence(args: &SendArgs) -> usize {
    args.code.as_ref().map_or(0, |lang| lang.len() + 16)
}

/// One text as the messages that it becomes.
pub fn parts(text: String, args: &SendArgs, limit: usize) -> Vec<String> {
    let room = limit.saturating_sub(fence(args)).max(1);
    let parts = if args.split { split(&text, room) } else { vec![text] };
    match &args.code {
        Some(lang) => parts.into_iter().map(|p| code(&p, lang)).collect(),
        None => parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_messages_and_bad_ones_are_told() {
        let (tell, lines) = mpsc::channel(8);
        std::thread::spawn(move || read_lines(&b"one\r\n\ntwo\n\xff\nnever"[..], &tell)).join().unwrap();
        let mut texts = Texts::Lines { lines, batch: None, limit: 100, left: None };
        let mut got = vec![];
        let error = loop {
            match texts.next().await {
                Ok(text) => got.push(text.unwrap()),
                Err(e) => break e,
            }
        };
        assert_eq!(got, vec!["one", "", "two"]);
        assert_eq!(error.exit, Exit::Data);
    }

    #[tokio::test]
    async fn a_batch_joins_lines_up_to_the_limit() {
        let (tell, lines) = mpsc::channel(8);
        for line in ["aa", "bb", "cc"] {
            tell.send(Ok(line.to_owned())).await.unwrap();
        }
        drop(tell);
        let mut texts = Texts::Lines { lines, batch: Some(Duration::from_secs(5)), limit: 5, left: None };
        assert_eq!(texts.next().await.unwrap().unwrap(), "aa\nbb");
        assert_eq!(texts.next().await.unwrap().unwrap(), "cc");
        assert_eq!(texts.next().await.unwrap(), None);
    }
}

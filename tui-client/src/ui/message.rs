//! One item of the timeline as lines of cells: who, when, what, and what became of it. Which items are drawn, and the
//! dividers between them, are `timeline`'s.

use chat_common::Timestamp;
use chat_common::model::{Message, UserKind};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::highlight::highlight;
use super::markdown::{self, Block};
use super::text::{Piece, fit, line, line_width, pad, width, wrap};
use crate::app::timeline::ItemBody;
use crate::app::{App, Echo, EchoState, Line as Link, Room};
use crate::theme::Theme;

/// Stands before the names of bots: programs that post by a webhook or a token.
pub const BOT: &str = "◆";

/// The columns of a timeline of a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Columns {
    /// Cells of the whole.
    pub width: usize,
    /// Cells of the author's name; 0: the name has a line of its own.
    pub name: usize,
    /// Only text, for copying.
    pub bare: bool,
}

impl Columns {
    /// Columns for a width.
    pub fn new(width: usize, bare: bool) -> Self {
        Self { width, name: if width < 56 || bare { 0 } else { (width / 8).clamp(6, 16) }, bare }
    }

    /// Where texts begin.
    pub fn indent(self) -> usize {
        match (self.bare, self.name) {
            (true, _) => 0,
            (false, 0) => 2,
            (false, n) => 2 + 5 + 1 + n + 1,
        }
    }

    fn text(self) -> usize {
        self.width.saturating_sub(self.indent() + usize::from(!self.bare)).max(8)
    }
}

/// `10:05`, in local time.
pub fn clock(at: Timestamp, tz: &jiff::tz::TimeZone) -> String {
    zoned(at, tz).map_or_else(|| "--:--".to_owned(), |z| z.strftime("%H:%M").to_string())
}

/// `Tue 14 Oct 2025`, in local time.
pub fn day(at: Timestamp, tz: &jiff::tz::TimeZone) -> String {
    zoned(at, tz).map_or_else(String::new, |z| z.strftime("%a %-d %b %Y").to_string())
}

fn zoned(at: Timestamp, tz: &jiff::tz::TimeZone) -> Option<jiff::Zoned> {
    Some(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(tz.clone()))
}

/// What a message needs beside itself.
pub struct Context<'a> {
    /// The state.
    pub app: &'a App,
    /// Its room.
    pub room: &'a Room,
    /// The look.
    pub theme: &'a Theme,
    /// The columns.
    pub columns: Columns,
    /// The author is the one above, a moment before.
    pub again: bool,
}

/// The lines of a stored item of the room.
pub fn item(cx: &Context<'_>, seq: chat_common::Seq) -> Vec<Line<'static>> {
    let timeline = &cx.room.timeline;
    match timeline.get(seq).map(|i| &i.body) {
        Some(ItemBody::Message(_)) => timeline.message(seq).map(|m| message(cx, &m)).unwrap_or_default(),
        Some(ItemBody::Note { at, text }) => note(cx, *at, text),
        None => Vec::new(),
    }
}

fn note(cx: &Context<'_>, at: Timestamp, text: &str) -> Vec<Line<'static>> {
    let pieces = [Piece::new(format!("— {}", line(text)), cx.theme.dim)];
    let rows = wrap(&pieces, cx.columns.text());
    let head = Span::styled(format!("  {} ", clock(at, &cx.app.tz)), cx.theme.dim);
    rows.into_iter()
        .enumerate()
        .map(|(i, row)| {
            let lead = match (cx.columns.name, i) {
                (0, _) => Span::raw(" ".repeat(cx.columns.indent())),
                (_, 0) => {
                    let gap = cx.columns.indent() - width(&head.content);
                    return prefixed([head.clone(), Span::raw(" ".repeat(gap))], row);
                }
                _ => Span::raw(" ".repeat(cx.columns.indent())),
            };
            prefixed([lead], row)
        })
        .collect()
}

fn prefixed<const N: usize>(lead: [Span<'static>; N], row: Line<'static>) -> Line<'static> {
    let mut spans = Vec::from(lead);
    spans.extend(row.spans);
    Line::from(spans)
}

/// The lines of a message.
pub fn message(cx: &Context<'_>, m: &Message) -> Vec<Line<'static>> {
    let me = cx.app.me.as_ref();
    let mine = me.is_some_and(|u| u.id == m.from.id);
    let named = me.is_some_and(|u| m.mentions.contains(&u.id));
    let mut body = Vec::new();
    if let Some(to) = m.reply_to {
        body.push(quoted(cx, to));
    }
    match &m.text {
        _ if cx.app.blocked.contains(&m.from.id) => {
            body.push(Line::styled(format!("(hidden; /unblock {} shows it)", m.from.name), cx.theme.dim));
        }
        Some(text) => body.extend(text_lines(cx, text, m.edited_at.is_some(), mine)),
        None if m.deleted => body.push(Line::styled("(deleted)", cx.theme.dim)),
        None => body.push(Line::styled("(changed later; not loaded)", cx.theme.dim)),
    }
    reactions(cx, m, &mut body);
    if mine && !cx.columns.bare {
        at_right(cx, &mut body, "✓", cx.theme.dim.into());
    }
    let name = match (mine, m.from.kind) {
        (true, _) => "you".to_owned(),
        // A bot cannot be taken for a person: no name begins with this.
        (false, UserKind::Bot) => format!("{BOT}{}", m.from.name),
        (false, _) => m.from.name.to_string(),
    };
    let style = if mine { cx.theme.own.into() } else { cx.theme.name(m.from.id).add_modifier(Modifier::BOLD) };
    let mark = if named { Span::styled("▌", cx.theme.mention) } else { Span::raw(" ") };
    framed(cx, &mark, m.at, &name, style, body)
}

/// The lines of a message of one's own that is on its way.
pub fn echo(cx: &Context<'_>, echo: &Echo) -> Vec<Line<'static>> {
    let mut body = Vec::new();
    if let Some(to) = echo.reply_to {
        body.push(quoted(cx, to));
    }
    body.extend(text_lines(cx, &echo.text, false, true));
    let (text, style): (String, Style) = match &echo.state {
        EchoState::Queued if matches!(cx.app.line, Link::Online { .. }) => {
            ("… queued".to_owned(), cx.theme.warn.into())
        }
        EchoState::Queued => ("… queued (offline)".to_owned(), cx.theme.warn.into()),
        EchoState::Stale => ("? not sent for a while: r sends, d drops (in Browse)".to_owned(), cx.theme.warn.into()),
        EchoState::Sending => ("⟳ sending".to_owned(), cx.theme.dim.into()),
        EchoState::Stored(_) => ("✓".to_owned(), cx.theme.dim.into()),
        EchoState::Refused(e) => {
            (format!("✗ {} · r retries, d drops (in Browse)", line(&e.message)), cx.theme.error.into())
        }
    };
    if cx.columns.bare {
        body.push(Line::styled(text, style));
    } else {
        at_right(cx, &mut body, &text, style);
    }
    framed(cx, &Span::raw(" "), echo.at, "you", cx.theme.own.into(), body)
}

/// Puts time and name before the lines.
fn framed(
    cx: &Context<'_>,
    mark: &Span<'static>,
    at: Timestamp,
    name: &str,
    style: Style,
    body: Vec<Line<'static>>,
) -> Vec<Line<'static>> {
    let time = clock(at, &cx.app.tz);
    let columns = cx.columns;
    if columns.bare {
        let head = Line::styled(format!("{} {time}", fit(name, 40)), style);
        return std::iter::once(head).filter(|_| !cx.again).chain(body).collect();
    }
    if columns.name == 0 {
        let head = Line::from(vec![
            mark.clone(),
            Span::styled(fit(name, columns.width.saturating_sub(8)), style),
            Span::styled(format!(" {time}"), cx.theme.dim),
        ]);
        let rows = body.into_iter().map(|row| prefixed([mark.clone(), Span::raw(" ")], row));
        return std::iter::once(head).filter(|_| !cx.again).chain(rows).collect();
    }
    let shown = if cx.again { String::new() } else { name.to_owned() };
    body.into_iter()
        .enumerate()
        .map(|(i, row)| match i {
            0 => prefixed(
                [
                    mark.clone(),
                    Span::styled(format!(" {time} "), cx.theme.dim),
                    Span::styled(format!("{} ", pad(&shown, columns.name)), style),
                ],
                row,
            ),
            _ => prefixed([mark.clone(), Span::raw(" ".repeat(columns.indent() - 1))], row),
        })
        .collect()
}

fn quoted(cx: &Context<'_>, to: chat_common::Seq) -> Line<'static> {
    let what = match cx.room.timeline.get(to).and_then(|i| i.message()) {
        Some(m) => {
            let text = m.text().map_or("(deleted)", |t| t.lines().next().unwrap_or_default());
            format!("↳ {}: {}", m.from().name, line(text))
        }
        None => "↳ an earlier message".to_owned(),
    };
    Line::styled(fit(&what, cx.columns.text().saturating_sub(2)), cx.theme.quote)
}

fn text_lines(cx: &Context<'_>, text: &str, edited: bool, mine: bool) -> Vec<Line<'static>> {
    // Room for the state at the right of one's own.
    let cells = cx.columns.text().saturating_sub(if mine { 2 } else { 0 });
    let me = cx.app.me.as_ref().map(|u| u.name.as_str());
    let mut lines = Vec::new();
    let mut blocks = markdown::parse(text, cx.theme, me);
    if edited {
        let mark = Piece::new(" (edited)", cx.theme.dim);
        match blocks.last_mut() {
            Some(Block::Text(pieces) | Block::Quote(pieces)) => pieces.push(mark),
            _ => blocks.push(Block::Text(vec![mark])),
        }
    }
    for block in blocks {
        match block {
            Block::Text(pieces) => lines.extend(wrap(&pieces, cells)),
            Block::Quote(pieces) => {
                let bar = Span::styled("▎ ", cx.theme.quote);
                lines.extend(wrap(&pieces, cells.saturating_sub(2)).into_iter().map(|r| prefixed([bar.clone()], r)));
            }
            Block::Code { lang, lines: code } => boxed(cx, &lang, &code, cells, &mut lines),
        }
    }
    lines
}

fn boxed(cx: &Context<'_>, lang: &str, code: &[String], cells: usize, out: &mut Vec<Line<'static>>) {
    if cx.columns.bare {
        out.extend(code.iter().flat_map(|l| wrap(&[Piece::new(l.as_str(), cx.theme.code)], cells)));
        return;
    }
    let widest = code.iter().map(|l| width(l)).max().unwrap_or(0).max(width(lang) + 1).max(10);
    let inner = widest.min(cells.saturating_sub(4)).max(4);
    let title = if lang.is_empty() { String::new() } else { format!(" {} ", fit(lang, inner - 2)) };
    let rule = |text: String| Span::styled(text, cx.theme.rule);
    out.push(Line::from(rule(format!("┌{title}{}┐", "─".repeat((inner + 2).saturating_sub(width(&title)))))));
    for text in highlight(lang, code, cx.theme) {
        for row in wrap(&text, inner) {
            let gap = " ".repeat(inner.saturating_sub(line_width(&row)) + 1);
            let mut spans = vec![rule("│ ".to_owned())];
            spans.extend(row.spans);
            spans.push(rule(format!("{gap}│")));
            out.push(Line::from(spans));
        }
    }
    out.push(Line::from(rule(format!("└{}┘", "─".repeat(inner + 2)))));
}

fn reactions(cx: &Context<'_>, m: &Message, body: &mut Vec<Line<'static>>) {
    if m.reactions.is_empty() {
        return;
    }
    let mut pieces = Vec::new();
    for (which, r) in (0u8..=u8::MAX).zip(&m.reactions) {
        let emoji = line(r.emoji.as_str());
        // One's own are in brackets, so that it does not hang on the colour.
        let (text, style): (String, Style) = if r.me {
            (format!("[{emoji} {}]", r.count), cx.theme.accent.into())
        } else {
            (format!("{emoji} {}", r.count), cx.theme.dim.into())
        };
        // Which reaction it is travels in a colour that nothing shows; a press of the mouse finds it again.
        pieces.push(Piece::new(text, style.underline_color(Color::Indexed(which))));
        pieces.push(Piece::new("  ", cx.theme.dim));
    }
    pieces.pop();
    let cells = cx.columns.text().saturating_sub(2);
    let needed: usize = pieces.iter().map(|p| width(&p.text)).sum();
    match body.last_mut() {
        Some(last)
            if line_width(last) + 3 + needed <= cells && m.text.as_ref().is_some_and(|t| !t.ends_with("```")) =>
        {
            last.push_span(Span::raw("   "));
            pieces.into_iter().for_each(|p| last.push_span(Span::styled(p.text, p.style)));
        }
        _ => body.extend(wrap(&pieces, cells)),
    }
}

/// Puts a word at the right of the last line, or below it where there is no room.
fn at_right(cx: &Context<'_>, body: &mut Vec<Line<'static>>, text: &str, style: Style) {
    let cells = cx.columns.text();
    let used = body.last().map_or(0, line_width);
    let w = width(text);
    if used + w < cells
        && let Some(last) = body.last_mut()
    {
        last.push_span(Span::raw(" ".repeat(cells - used - w)));
        last.push_span(Span::styled(text.to_owned(), style));
    } else {
        body.extend(wrap(&[Piece::new(text, style)], cells));
    }
}

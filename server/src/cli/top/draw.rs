//! Pictures of the state. Colour only stresses what a word says as well; nothing from the network is drawn as it came.

use std::time::Duration;

use chat_common::event::admin::{Latency, NodeInfo, Person, RoomLoad, Tick};
use chat_common::rest::AuditLine;
use chat_common::text::visible_line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Clear, Paragraph, RenderDirection, Row, Sparkline, Table};

use super::state::{Sort, State};

/// Whether there is colour.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Else bold and reverse alone.
    pub color: bool,
}

impl Look {
    fn paint(self, color: Color, or: Modifier) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new().add_modifier(or) }
    }
    fn good(self) -> Style {
        self.paint(Color::Green, Modifier::empty())
    }
    fn bad(self) -> Style {
        self.paint(Color::Red, Modifier::REVERSED).add_modifier(Modifier::BOLD)
    }
    fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }
    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
    fn curve(self) -> Style {
        self.paint(Color::Cyan, Modifier::empty())
    }
}

/// A screen that is too small for anything.
const SMALLEST: (u16, u16) = (40, 10);

/// The whole screen.
pub fn draw(frame: &mut Frame<'_>, state: &State, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        frame.render_widget(Paragraph::new("the window is too small"), area);
        return;
    }
    let [head, rates, lists, end, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(6),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(1),
    ])
    .areas(area);
    let Some(tick) = &state.tick else {
        let why = state.away.as_deref().map_or("connecting …".to_owned(), visible_line);
        frame.render_widget(Paragraph::new(why), lists);
        return draw_foot(frame, foot, state, look);
    };
    draw_head(frame, head, tick, state, look);
    draw_rates(frame, rates, tick, state, look);
    let [people, rooms] = Layout::horizontal([Constraint::Fill(5), Constraint::Fill(4)]).areas(lists);
    draw_people(frame, people, state, look);
    draw_rooms(frame, rooms, state, look);
    let [audit, slow, nodes] = if area.width >= 110 {
        Layout::horizontal([Constraint::Fill(5), Constraint::Length(26), Constraint::Fill(3)]).areas(end)
    } else {
        let [audit, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Max(39)]).areas(end);
        let [slow, nodes] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(right);
        [audit, slow, nodes]
    };
    draw_audit(frame, audit, state, look);
    draw_slow(frame, slow, tick, look);
    draw_nodes(frame, nodes, tick, look);
    draw_foot(frame, foot, state, look);
    if state.help {
        draw_help(frame, area, look);
    }
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, tick: &Tick, state: &State, look: Look) {
    let says = |what: &'static str, says: &str| {
        let style = if says == "ok" { look.good() } else { look.bad() };
        Span::styled(format!("{what} {}", visible_line(says)), style)
    };
    let mut left = vec![Span::styled(format!("{} ", visible_line(&tick.server.name)), look.strong())];
    if let Some(why) = &state.away {
        left.push(Span::styled(visible_line(why), look.bad()));
        left.push(Span::raw("  "));
    } else if state.paused {
        left.extend([Span::styled("paused", look.bad()), Span::raw("  ")]);
    }
    left.extend([
        Span::raw(format!("{}  up {}  ", visible_line(&tick.server.version), span(tick.uptime_s))),
        says("store", &tick.store),
        Span::raw("  "),
        says("bus", &tick.bus),
    ]);
    let at = tick.at.to_string();
    let time = at.get(11..19).unwrap_or_default().to_owned() + " UTC";
    let [left_area, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(13)]).areas(area);
    frame.render_widget(Line::from(left), left_area);
    frame.render_widget(Line::from(time).right_aligned(), right);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, tick: &Tick, state: &State, look: Look) {
    let [numbers, curves] = Layout::horizontal([Constraint::Length(46), Constraint::Fill(1)]).areas(area);
    let (r, t) = (&tick.rates, &tick.totals);
    let label = |text: &'static str| Span::styled(text, look.quiet());
    let stress = |bad: bool| if bad { look.bad() } else { Style::new() };
    let lines = vec![
        Line::from(vec![
            label("connections "),
            Span::styled(count(tick.connections.websocket + tick.connections.polling), look.strong()),
            Span::raw(format!(
                "  websocket {}  polling {}",
                count(tick.connections.websocket),
                count(tick.connections.polling)
            )),
        ]),
        Line::from(vec![
            label("queued "),
            Span::raw(format!("{}, {} packets  ", bytes(tick.queue.bytes), count(tick.queue.packets))),
            label("slow cut "),
            Span::styled(count(t.slow_readers), stress(t.slow_readers > 0)),
        ]),
        Line::from(vec![
            label("commit "),
            Span::raw(latency(&tick.commit)),
            label("  "),
            label("told after "),
            Span::raw(latency(&tick.lag)),
        ]),
        Line::from(vec![
            label("requests "),
            Span::raw(format!("{}/s  ", rate(r.requests))),
            label("refused "),
            Span::styled(format!("{}/s", rate(r.refusals)), stress(r.refusals > 0.0)),
            label("  commits "),
            Span::raw(format!("{}/s", rate(r.commits))),
        ]),
        Line::from(vec![
            label("users "),
            Span::raw(format!("{}  ", count(tick.connections.users))),
            label("bad logins "),
            Span::raw(format!("{}  ", count(t.auth_failures))),
            label("repaired "),
            Span::raw(count(t.repaired)),
        ]),
        Line::from(vec![
            label("cpu "),
            Span::raw(tick.process.cpu_percent.map_or("?".to_owned(), |p| format!("{p:.0} %"))),
            label("  memory "),
            Span::raw(tick.process.resident_bytes.map_or("?".to_owned(), bytes)),
            label("  files "),
            Span::raw(tick.process.open_fds.map_or("?".to_owned(), count)),
        ]),
    ];
    frame.render_widget(Paragraph::new(lines), numbers);
    let [top, bottom] = Layout::vertical([Constraint::Length(3), Constraint::Length(3)]).areas(curves);
    let now = (rate(r.messages), short(t.messages));
    curve(frame, top, "messages/s", now, state.history.iter().map(|(messages, _)| *messages), look);
    let now = (rate(r.deliveries), short(t.deliveries));
    curve(frame, bottom, "deliveries/s", now, state.history.iter().map(|(_, deliveries)| *deliveries), look);
}

/// A line of numbers, and a curve below whose right end is now.
fn curve(
    frame: &mut Frame<'_>,
    area: Rect,
    what: &'static str,
    (now, all): (String, String),
    values: impl DoubleEndedIterator<Item = u64>,
    look: Look,
) {
    let [title, below] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let line = vec![
        Span::styled(format!("{what} "), look.quiet()),
        Span::styled(now, look.strong()),
        Span::styled(format!("  total {all}"), look.quiet()),
    ];
    frame.render_widget(Line::from(line), title);
    let newest: Vec<u64> = values.rev().take(usize::from(below.width)).collect();
    let curve = Sparkline::default().data(newest).direction(RenderDirection::RightToLeft).style(look.curve());
    frame.render_widget(curve, below);
}

fn panel(title: String, look: Look) -> Block<'static> {
    Block::new()
        .borders(Borders::TOP)
        .border_type(BorderType::Plain)
        .border_style(look.quiet())
        // On the border, whose dimness would hold for it as well.
        .title(Span::styled(title, look.strong().remove_modifier(Modifier::DIM)))
}

/// A table of what fits; the title says how many there are where not all fit. `row` is told how wide the column is that
/// takes what the others leave.
fn table<'a, T: 'a>(
    frame: &mut Frame<'_>,
    area: Rect,
    (title, header): (&str, &'static str),
    items: &[T],
    widths: Vec<Constraint>,
    row: impl Fn(&T, usize) -> Row<'static>,
    look: Look,
) {
    let inside = usize::from(area.height.saturating_sub(1));
    // Where there is hardly a line, what is there says more than the names of its columns.
    let headed = inside > 2 || items.len() < inside;
    let room = inside.saturating_sub(usize::from(headed));
    let more = if items.len() > room { format!(", {room} of {}", items.len()) } else { String::new() };
    // A gap to the panel on the right.
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let fixed = |width: &Constraint| match width {
        Constraint::Length(n) | Constraint::Max(n) => n + 1,
        _ => 0,
    };
    let left = usize::from(area.width.saturating_sub(widths.iter().map(fixed).sum()));
    let rows = items.iter().take(room).map(|item| row(item, left));
    let mut table = Table::new(rows, widths).block(panel(format!("{title}{more} "), look));
    if headed {
        table = table.header(Row::new(header.split(' ').map(str::to_owned)).style(look.quiet()));
    }
    frame.render_widget(table, area);
}

/// A text in so many columns; one that is cut says so.
fn fit(text: &str, columns: usize) -> String {
    if Span::raw(text).width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if Span::raw(&cut).width() >= columns {
            cut.pop();
            break;
        }
    }
    cut + "…"
}

/// An address in so many columns: what is cut is the host, never the port.
fn fit_address(address: &str, columns: usize) -> String {
    match address.rsplit_once(':') {
        Some((host, port)) if columns > port.len() + 2 => format!("{}:{port}", fit(host, columns - port.len() - 1)),
        _ => fit(address, columns),
    }
}

fn draw_people(frame: &mut Frame<'_>, area: Rect, state: &State, look: Look) {
    let title = match state.sort {
        Sort::Load => "connections by queue",
        Sort::Name => "connections by name",
        Sort::Size => "connections, newest first",
    };
    let widths = vec![
        Constraint::Fill(1),
        Constraint::Length(4),
        Constraint::Length(8),
        Constraint::Length(4),
        Constraint::Length(3),
        Constraint::Length(7),
    ];
    let row = |p: &&Person, left: usize| {
        let style = if p.queue_bytes > 0 { look.strong() } else { Style::new() };
        Row::new([
            fit(p.user.as_str(), left),
            if p.transport == "websocket" { "ws" } else { "poll" }.to_owned(),
            bytes(p.queue_bytes),
            short(p.queue_packets),
            short(p.requests),
            span(p.age_s),
        ])
        .style(style)
    };
    table(frame, area, (title, "user via queue pkt req age"), &state.people(), widths, row, look);
}

fn draw_rooms(frame: &mut Frame<'_>, area: Rect, state: &State, look: Look) {
    let title = match state.sort {
        Sort::Load => "rooms by rate",
        Sort::Name => "rooms by name",
        Sort::Size => "rooms by followers",
    };
    let widths = vec![Constraint::Fill(1), Constraint::Length(6), Constraint::Length(7), Constraint::Length(5)];
    let row = |r: &&RoomLoad, left: usize| {
        Row::new([fit(r.room.as_str(), left), rate(r.per_second), short(r.entries), short(r.followers)])
            .style(if r.per_second > 0.0 { look.strong() } else { Style::new() })
    };
    table(frame, area, (title, "room /s entries conns"), &state.rooms(), widths, row, look);
}

fn draw_audit(frame: &mut Frame<'_>, area: Rect, state: &State, look: Look) {
    let lines: Vec<&AuditLine> = state.audit().collect();
    let widths = vec![Constraint::Length(8), Constraint::Max(10), Constraint::Fill(1)];
    let row = |line: &&AuditLine, left: usize| {
        let at = line.at.to_string();
        let detail = line.detail.as_deref().map(|detail| format!(" ({})", visible_line(detail)));
        let (action, subject) = (visible_line(&line.action), visible_line(&line.subject));
        Row::new([
            at.get(11..19).unwrap_or_default().to_owned(),
            line.actor.as_ref().map_or("(machine)".to_owned(), |user| fit(user.name.as_str(), 10)),
            fit(&format!("{action} {subject}{}", detail.unwrap_or_default()), left),
        ])
    };
    table(frame, area, ("audit", "time who what"), &lines, widths, row, look);
}

fn draw_slow(frame: &mut Frame<'_>, area: Rect, tick: &Tick, look: Look) {
    let widths = vec![Constraint::Length(8), Constraint::Fill(1)];
    let row = |slow: &chat_common::event::admin::SlowReader, left: usize| {
        let at = slow.at.to_string();
        Row::new([at.get(11..19).unwrap_or_default().to_owned(), fit(slow.user.as_str(), left)])
    };
    table(frame, area, ("slow readers cut", "time user"), &tick.slow, widths, row, look);
}

fn draw_nodes(frame: &mut Frame<'_>, area: Rect, tick: &Tick, look: Look) {
    let widths = vec![Constraint::Length(9), Constraint::Fill(1), Constraint::Length(7)];
    let row = |node: &NodeInfo, left: usize| {
        let id: String = visible_line(&node.node).chars().take(8).collect();
        let mark = if node.own { "*" } else { " " };
        let (address, version) = (visible_line(&node.address), visible_line(&node.version));
        Row::new([format!("{mark}{id}"), fit_address(&address, left), fit(&version, 7)])
    };
    table(frame, area, ("nodes, * this one", "node address version"), &tick.nodes, widths, row, look);
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, state: &State, look: Look) {
    let keys = "q quit  s sort  p pause  / filter  ? help";
    let line = if state.filtering {
        Line::from(vec![Span::styled("filter: ", look.strong()), Span::raw(format!("{}▏", state.filter))])
    } else if state.filter.is_empty() {
        Line::styled(keys, look.quiet())
    } else {
        let text = format!("only what holds “{}”: Esc shows all", state.filter);
        Line::from(vec![Span::styled(text, look.strong()), Span::styled(format!("  {keys}"), look.quiet())])
    };
    frame.render_widget(line, area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect, look: Look) {
    let text = [
        "q, Esc, ^C   quit",
        "s            sort: by load, by name, by size",
        "p, space     pause",
        "/, f         show only what holds some letters; Esc shows all",
        "?, h         this help",
        "",
        "Figures are this node's own; users, audit and nodes are",
        "all nodes'. Half of all commits (and deliveries) took no",
        "longer than the first number, 99 of 100 no longer than",
        "the second. A room's conns are the connections following it.",
    ];
    let (width, height) = (64.min(area.width), (text.len() as u16 + 2).min(area.height));
    let [_, middle, _] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    let [_, middle, _] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width), Constraint::Fill(1)]).areas(middle);
    let block = Block::bordered().title(Span::styled(" help ", look.strong()));
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(text.map(Line::from).to_vec()).block(block), middle);
}

/// `1,234`
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1,234`, `12.3k`, `12M`
fn short(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match UNITS.iter().find(|(size, _)| n >= 10_000 && n >= *size) {
        Some((size, unit)) if n < size * 100 => format!("{:.1}{unit}", n as f64 / *size as f64),
        Some((size, unit)) => format!("{}{unit}", n / size),
        None => count(n),
    }
}

/// A number a second, with a decimal where it is small.
fn rate(n: f64) -> String {
    if n > 0.0 && n < 9.95 { format!("{n:.1}") } else { count(n.round().max(0.0) as u64) }
}

/// Bytes in the unit that suits.
fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(size, _)| n >= *size) {
        Some((size, unit)) if n >= size * 100 => format!("{} {unit}", n / size),
        Some((size, unit)) => format!("{:.1} {unit}", n as f64 / *size as f64),
        None => format!("{n} B"),
    }
}

/// How long, in the two units that suit.
fn span(seconds: u64) -> String {
    let whole = Duration::from_secs(seconds).as_secs();
    match (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, s) => format!("{m}m{s:02}"),
        (0, h, m, _) => format!("{h}h{m:02}"),
        (d, h, _, _) => format!("{d}d{h:02}h"),
    }
}

fn latency(latency: &Latency) -> String {
    let ms = |value: Option<f64>| match value {
        None => "–".to_owned(),
        Some(ms) if ms < 9.95 => format!("{ms:.1}"),
        Some(ms) => format!("{ms:.0}"),
    };
    format!("{}/{} ms", ms(latency.p50_ms), ms(latency.p99_ms))
}

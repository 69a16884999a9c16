//! The real screen, written by the real backend into terminals that count columns differently: whatever one makes of a
//! cluster, what stands beside it stays in its column, nothing of the picture before is left, no row runs into the next.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use chat_common::event::{Entry, EntryBody};
use chat_common::text::visible;
use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellWidth as _};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

use super::columns;
use super::hyperlink::Linking;
use crate::app::Msg;
use crate::theme::Theme;
use crate::ui;
use crate::ui::tests::fixture::{Screen, busy, room, said, user};

/// Texts that layouts fail at.
const CORPUS: &[&str] = &[
    // Wide letters, at every place of a row.
    "日本語のテキストは二つの欄を取る、折り返しても崩れない。한국어도 마찬가지다",
    "x日本語のテキストは二つの欄を取る、折り返しても崩れない",
    "ＦＵＬＬ　ｗｉｄｔｈ ｶﾀｶﾅ ｶﾞｷﾞﾊﾟ 半角",
    // Marks that combine, in stacks.
    "e\u{301}a\u{308}o\u{303} Điện thoại Z\u{310}\u{312}\u{31a}\u{346}a\u{310}\u{312}l\u{310}g\u{346}o\u{31a}",
    "\u{301}a mark with nothing before it, and \u{20dd}another",
    "x\u{20dd} y\u{20e3} z\u{20e0}",
    // Emoji: joined, with skin, as flags, as keycaps, in both presentations.
    "👨‍👩‍👧‍👦 👩‍🚀 🏳️‍🌈 🏴‍☠️ 👩🏽‍❤️‍💋‍👨🏿 ends",
    "👍🏽👍🏿 ☝🏻 🤷🏾‍♀️ ends",
    "🇩🇪🇻🇳🇯🇵 🇩 🇩🇪🇻 ends",
    "1️⃣ #️⃣ *️⃣ ❤️ ❤ ☺️ ☺\u{fe0e} ⚠️ ☎\u{fe0e} ©️ ™️ ends",
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} England",
    "🫩🫆🪾 new in Unicode 16",
    // Right to left, with letters that are one in print.
    "שלום לכולם and مرحبا بالجميع — לא، لا ﷲ ﷺ",
    "سلام لا بأس ١٢٣ (abc) שָׁלוֹם",
    // India, Thailand, Tibet, Burma, Khmer.
    "हिन्दी क्षि श्री கொள் తెలుగు ಕನ್ನಡ മലയാളം বাংলা ਪੰਜਾਬੀ",
    "ภาษาไทย กำ ที่นี่ ກຳ བོད་ཡིག မြန်မာ ខ្មែរ",
    // Korean taken apart, and together.
    "각 \u{1100}\u{1161}\u{11a8} ᄒ\u{1161}ᆫ 가\u{11a8}",
    // Hidden, and of no width.
    "zero\u{200b}width \u{200d}join\u{200d}er\u{200c} \u{feff}bom \u{2060}word \u{ad}soft",
    "\u{202e}turned\u{202c} \u{2066}isolated\u{2069} \u{200f}mark",
    "\u{1b}[31mred\u{7}\u{9b}2J\u{0}\u{7f}",
    "tab\tstops\there\t日\t本",
    // Boxes and symbols whose width is the terminal's choice.
    "─│┌┐ ▌█░ ①②③ ℃ № ½ … “quoted” → ⇒ ★☆ ✓✔✅ ♠♥ ⌘ ⏎",
    "private \u{e0b0}\u{f015}\u{f8ff} use",
    "ligatures ﬁ ﬀ ꓐꓹꓼ ⵏ⵿ⵣ",
    "𝒳𝕐𝔷 𠀀𠮷 𐍈 🂡 🀄",
    // Very long, without a space.
    "a-word-that-does-not-end-a-word-that-does-not-end-a-word-that-does-not-end-a-word-that-does-not-end",
    "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧",
    // Within our own frames.
    "```text\n日本語 👨‍👩‍👧 |\nabc ❤️ |\nहिन्दी لا |\n\ttab\n```",
    "> 日本語 👍🏽\n- **लि** `❤️` https://例え.example/日本/👩‍🚀",
];

/// How a terminal counts.
#[derive(Clone, Copy, Debug)]
enum Counts {
    /// Each character by itself, as xterm and Alacritty do.
    Characters,
    /// What is one in print is one, as kitty and foot do.
    Clusters,
    /// An old one: emoji are narrow, marks of India take nothing.
    Narrow,
    /// Whatever may be wide is.
    Wide,
}

impl Counts {
    const ALL: [Self; 4] = [Self::Characters, Self::Clusters, Self::Narrow, Self::Wide];

    fn of(self, c: char) -> usize {
        let usual = c.width().unwrap_or(1);
        let symbol = matches!(c, '\u{2100}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}' | '\u{1f000}'..='\u{1faff}');
        match self {
            Self::Characters | Self::Clusters => usual,
            Self::Narrow if symbol => usual.min(1),
            Self::Narrow if unicode_normalization::char::is_combining_mark(c) => 0,
            Self::Wide if matches!(c, '\u{1160}'..='\u{11ff}') => 1,
            Self::Wide if symbol && !columns::is_sure(c.encode_utf8(&mut [0; 4])) => 2,
            Self::Narrow | Self::Wide => usual,
        }
    }
}

/// One column of a terminal.
#[derive(Clone, Debug, Default, PartialEq)]
struct Slot {
    text: String,
    /// The second half of what stands before it.
    half: bool,
}

/// A terminal that knows what our backend writes.
struct Emulator {
    counts: Counts,
    size: (usize, usize),
    slots: Vec<Slot>,
    at: (usize, usize),
    /// The last column is written: the next character goes to the next row.
    full: bool,
    /// What was written last, as long as the cursor was not moved.
    last: Option<usize>,
    spilled: bool,
}

impl Emulator {
    fn new(counts: Counts, (width, height): (u16, u16)) -> Self {
        let size = (usize::from(width), usize::from(height));
        let slots = vec![Slot::default(); size.0 * size.1];
        Self { counts, size, slots, at: (0, 0), full: false, last: None, spilled: false }
    }

    fn read(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).expect("whole characters");
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\u{1b}' {
                self.print(c);
                continue;
            }
            match chars.next() {
                Some('[') => {
                    let mut numbers = String::new();
                    let end = chars.by_ref().find(|c| {
                        numbers.push(*c);
                        ('@'..='~').contains(c)
                    });
                    self.act(end.expect("a whole sequence"), numbers.trim_end_matches(|c: char| c.is_alphabetic()));
                }
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\\') {},
                other => panic!("ESC {other:?} is not known here"),
            }
        }
    }

    fn act(&mut self, end: char, numbers: &str) {
        match end {
            'H' => {
                let (row, column) = numbers.split_once(';').expect("row and column");
                self.at = (column.parse::<usize>().unwrap() - 1, row.parse::<usize>().unwrap() - 1);
                self.full = false;
                self.last = None;
            }
            'J' => self.slots.fill(Slot::default()),
            'm' | 'h' | 'l' => {}
            other => panic!("CSI {numbers} {other} is not known here"),
        }
    }

    fn print(&mut self, c: char) {
        let width = self.counts.of(c);
        if let Some(last) = self.last {
            let whole = format!("{}{c}", self.slots[last].text);
            let joins = matches!(self.counts, Counts::Clusters) && whole.graphemes(true).count() == 1;
            if joins || width == 0 {
                let (before, now) = (self.slots[last].text.cell_width(), whole.cell_width());
                self.slots[last].text = whole;
                if joins && now > before && self.at.0 + 1 < self.size.0 + usize::from(self.full) {
                    self.slots[last + 1] = Slot { text: String::new(), half: true };
                    self.forward(1);
                }
                return;
            }
        }
        if width == 0 {
            return;
        }
        if self.full || self.at.0 + width > self.size.0 {
            self.spilled = true;
            return;
        }
        let from = self.at.1 * self.size.0 + self.at.0;
        // Half of a wide character does not stay.
        if self.slots[from].half {
            self.slots[from - 1] = Slot::default();
        }
        if let Some(next) = self.slots.get_mut(from + width).filter(|s| s.half) {
            *next = Slot::default();
        }
        self.slots[from] = Slot { text: c.to_string(), half: false };
        if width == 2 {
            self.slots[from + 1] = Slot { text: String::new(), half: true };
        }
        self.last = Some(from);
        self.forward(width);
    }

    fn forward(&mut self, by: usize) {
        self.at.0 += by;
        self.full = self.at.0 >= self.size.0;
    }
}

/// Compares a column: what the layout put there, and what the terminal has.
fn fits(symbol: &str, seen: &str, counts: Counts) -> bool {
    let blank = |t: &str| t.trim().is_empty();
    match columns::is_sure(symbol) {
        true => symbol == seen || blank(symbol) && blank(seen),
        // However it is shown: it begins here. What a terminal draws wider than its place is erased by what follows.
        false => {
            let first = symbol.chars().next().unwrap_or(' ');
            let vanishes = matches!(counts, Counts::Wide) || counts.of(first) == 0;
            seen.starts_with(first) || vanishes && blank(seen)
        }
    }
}

fn compare(picture: &Buffer, seen: impl Fn(u16, u16) -> String, counts: Counts, what: &str) {
    for y in 0..picture.area.height {
        let mut x = 0;
        while x < picture.area.width {
            let symbol = picture[(x, y)].symbol();
            let here = seen(x, y);
            assert!(
                fits(symbol, &here, counts),
                "{what}: at {x},{y} stands {here:?}, not {symbol:?}, in\n{}",
                row(picture, y)
            );
            let cells = symbol.cell_width().max(1);
            for half in x + 1..x + cells {
                let behind = seen(half, y);
                let ours = behind.chars().next().is_none_or(|c| c == ' ' || symbol.contains(c));
                assert!(ours, "{what}: behind {symbol:?} at {x},{y} stands {behind:?} in\n{}", row(picture, y));
            }
            x += cells;
        }
    }
}

fn row(picture: &Buffer, y: u16) -> String {
    (0..picture.area.width).map(|x| picture[(x, y)].symbol()).collect()
}

/// Where the backend writes to.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A screen on all kinds of terminals at once.
struct Bench {
    screen: Screen,
    theme: Theme,
    terminal: Terminal<Linking<Bytes>>,
    links: Rc<RefCell<ui::Links>>,
    bytes: Bytes,
    emulators: Vec<Emulator>,
    vt100: vt100::Parser,
}

impl Bench {
    fn new(width: u16, height: u16) -> Self {
        let (bytes, links) = (Bytes::default(), Rc::<RefCell<ui::Links>>::default());
        let backend = Linking::new(bytes.clone(), Rc::clone(&links));
        let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
        Self {
            screen: busy(),
            theme: Theme::named("dark").unwrap(),
            terminal: Terminal::with_options(backend, TerminalOptions { viewport }).unwrap(),
            links,
            bytes,
            emulators: Counts::ALL.map(|counts| Emulator::new(counts, (width, height))).into(),
            vt100: vt100::Parser::new(height, width, 0),
        }
    }

    /// Draws as the program does, and compares what every terminal shows.
    fn frame(&mut self, what: &str) -> Buffer {
        let mut seen = crate::app::Drawn::default();
        let (app, cache) = (&self.screen.app, &mut self.screen.cache);
        let drawn = self.terminal.draw(|frame| {
            seen = ui::draw(app, &self.theme, cache, frame);
            *self.links.borrow_mut() = cache.links().clone();
            columns::guard(frame.buffer_mut());
        });
        let picture = drawn.unwrap().buffer.clone();
        self.screen.tell(Msg::Drawn(seen));
        let written = std::mem::take(&mut *self.bytes.0.borrow_mut());
        for emulator in &mut self.emulators {
            emulator.read(&written);
            let what = format!("{what}: a terminal that counts {:?}", emulator.counts);
            assert!(!emulator.spilled, "{what}: a row runs into the next");
            let at = |x: u16, y: u16| usize::from(y) * emulator.size.0 + usize::from(x);
            compare(&picture, |x, y| emulator.slots[at(x, y)].text.clone(), emulator.counts, &what);
        }
        self.vt100.process(&written);
        let at = |x, y| self.vt100.screen().cell(y, x).map(|c| c.contents().to_owned()).unwrap_or_default();
        compare(&picture, at, Counts::Characters, &format!("{what}: vt100"));
        boxes_are_whole(&picture);
        picture
    }
}

/// The right sides of a frame around code stand below each other.
fn boxes_are_whole(picture: &Buffer) {
    for y in 0..picture.area.height {
        let find = |what| (0..picture.area.width).find(|x| picture[(*x, y)].symbol() == what);
        let (Some(left), Some(right)) = (find("┌"), find("┐")) else { continue };
        for below in (y + 1..picture.area.height).take_while(|b| picture[(left, *b)].symbol() == "│") {
            assert_eq!(picture[(right, below)].symbol(), "│", "{}", row(picture, below));
        }
    }
}

#[test]
fn every_text_keeps_the_columns_on_every_terminal() {
    let ana = user(2, "ana");
    for (width, height) in [(40, 12), (100, 24)] {
        let mut bench = Bench::new(width, height);
        bench.frame("before");
        for (seq, text) in (10u64..).zip(CORPUS) {
            said(&mut bench.screen, seq, &ana, text);
            bench.frame(text);
        }
        // Up and down, so that every text takes another's place.
        bench.screen.keys("esc");
        for key in ["pageup", "up", "up", "pageup", "up", "pagedown", "down", "pageup", "pageup"] {
            bench.screen.keys(key);
            bench.frame(key);
        }
    }
}

#[test]
fn every_text_keeps_the_columns_wherever_it_stands() {
    let ana = user(2, "ana");
    let mut bench = Bench::new(100, 24);
    for (seq, text) in (10u64..).zip(CORPUS) {
        said(&mut bench.screen, 2 * seq, &ana, text);
        let topic = Some((*text).to_owned());
        let body = EntryBody::RoomUpdated { topic, kind: None, owner: None, retention_days: None };
        let now = bench.screen.now;
        let entry = Entry { room: room("ops"), seq: chat_common::Seq(2 * seq + 1), at: now, from: ana.clone(), body };
        bench.screen.net(crate::app::Event::Entry(Box::new(entry)));
        bench.frame(text);
        bench.screen.tell(Msg::Paste((*text).to_owned()));
        bench.frame(text);
        // Lists lie over it, and are gone again.
        for keys in ["ctrl+k", "esc ctrl+f", "esc ctrl+c"] {
            bench.screen.keys(keys);
            if keys.ends_with('f') {
                bench.screen.tell(Msg::Paste((*text).to_owned()));
            }
            bench.frame(text);
        }
        // The selection's ground lies under it.
        bench.screen.keys("esc up r");
        bench.frame(text);
        bench.screen.keys("backspace");
    }
}

#[test]
fn what_is_sure_is_one_character_or_one_with_marks() {
    for sure in ["", " ", "a", "é", "e\u{301}", "日", "한", "ж", "ש", "─", "ที่"] {
        assert!(columns::is_sure(sure), "{sure:?}");
    }
    for unsure in ["👍", "👩‍🚀", "🇩🇪", "1️⃣", "❤️", "❤", "क्ष", "कि", "\u{1100}\u{1161}\u{11a8}", "ｶﾞ", "\u{e0b0}"]
    {
        assert!(!columns::is_sure(unsure), "{unsure:?}");
    }
}

/// Graphemes of the corpus, single letters, and spaces.
fn mixture() -> impl Strategy<Value = String> {
    let mut pieces: Vec<String> = CORPUS
        .iter()
        .flat_map(|t| visible(t).graphemes(true).map(str::to_owned).collect::<Vec<_>>())
        .filter(|g| !g.is_ascii())
        .collect();
    pieces.sort();
    pieces.dedup();
    let plain = prop::sample::select(vec!["a", " ", "`", "\n", "b c", "https://x.example/"]);
    let piece = prop_oneof![prop::sample::select(pieces), plain.prop_map(str::to_owned)];
    prop::collection::vec(piece, 1..60).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_mixture_keeps_the_columns(texts in prop::collection::vec(mixture(), 1..4), width in 30u16..110) {
        let ana = user(2, "ana");
        let mut bench = Bench::new(width, 16);
        bench.frame("before");
        for (seq, text) in (10u64..).zip(&texts) {
            said(&mut bench.screen, seq, &ana, text);
            bench.frame(text);
        }
        bench.screen.tell(Msg::Paste(texts.concat()));
        bench.frame("draft");
        bench.screen.keys("ctrl+k");
        bench.frame("below a list");
    }
}

//! One line of the log: for people as the library writes it, for machines one flat JSON object; both with the id of the
//! request that it was written for. There are no spans: the id comes from the task (`trail`), so that a request of which
//! nothing is logged costs nothing here.

use std::fmt;

use chat_common::{Clock, SystemClock};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::trail;

/// For people.
pub(super) struct Text(format::Format);

impl Text {
    pub(super) fn new(color: bool) -> Self {
        Self(format::format().with_ansi(color))
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        // An error's text may hold what others sent; one event is one line.
        to.write_str(&line.trim_end_matches('\n').replace('\n', "\\n"))?;
        for (name, value) in trail::current().iter().flat_map(trail::Trail::fields) {
            // Escaped: a client may have chosen it.
            write!(to, " {name}={value:?}")?;
        }
        writeln!(to)
    }
}

/// For machines.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut object) = fields;
        let about = event.metadata();
        object.insert("timestamp".to_owned(), SystemClock.now().to_string().into());
        object.insert("level".to_owned(), about.level().as_str().into());
        object.insert("target".to_owned(), about.target().into());
        for (name, value) in trail::current().iter().flat_map(trail::Trail::fields) {
            object.insert(name.to_owned(), value.into());
        }
        writeln!(to, "{}", Value::Object(object))
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

//! An event's arguments, as they came: JSON text whose order and numbers stay, or, where bytes are among them, a tree
//! in the shape of MessagePack. Both ways between JSON, MessagePack and the Socket.IO library.

use std::fmt;

use rmpv::Value;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};
use serde_json::value::RawValue;

/// How deep lists and objects may lie in each other.
pub(super) const DEPTH: usize = 100;

/// The arguments behind an event's name.
#[derive(Clone, Debug)]
pub(super) enum Args {
    /// Each as JSON; encoded once, whatever the number of sockets.
    Text(Vec<Box<RawValue>>),
    /// With bytes among them, which Socket.IO sends as attachments.
    Tree(Vec<Value>),
}

impl Args {
    /// One argument made here.
    pub(super) fn one(value: &impl Serialize) -> Self {
        // What the relay makes itself always has a JSON.
        Self::Text(serde_json::value::to_raw_value(value).into_iter().collect())
    }

    /// From MessagePack.
    pub(super) fn from_tree(values: Vec<Value>) -> Self {
        if values.iter().any(has_bytes) {
            return Self::Tree(values);
        }
        let texts: Result<Vec<_>, _> = values.iter().map(|v| serde_json::value::to_raw_value(&Json(v))).collect();
        texts.map_or(Self::Tree(values), Self::Text)
    }

    /// As MessagePack; JSON that nobody can read becomes nil, which cannot be since it was read before.
    pub(super) fn to_tree(&self) -> Vec<Value> {
        match self {
            Self::Tree(values) => values.clone(),
            Self::Text(texts) => texts.iter().map(|t| tree(t.get()).unwrap_or(Value::Nil)).collect(),
        }
    }

    /// Bytes on the wire, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(texts) => texts.iter().map(|t| t.get().len() + 1).sum(),
            Self::Tree(values) => values.iter().map(weight).sum(),
        }
    }
}

/// As a tuple: the library spreads it behind the event's name.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(texts) => {
                let mut tuple = serializer.serialize_tuple(texts.len())?;
                texts.iter().try_for_each(|text| tuple.serialize_element(text))?;
                tuple.end()
            }
            Self::Tree(values) => {
                let mut tuple = serializer.serialize_tuple(values.len())?;
                values.iter().try_for_each(|value| tuple.serialize_element(&Json(value)))?;
                tuple.end()
            }
        }
    }
}

/// JSON as a tree.
pub(super) fn tree(json: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Tree>(json).map(|t| t.0)
}

fn has_bytes(value: &Value) -> bool {
    match value {
        Value::Binary(_) => true,
        Value::Array(items) => items.iter().any(has_bytes),
        Value::Map(pairs) => pairs.iter().any(|(_, v)| has_bytes(v)),
        _ => false,
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Binary(bytes) => bytes.len() + 32,
        Value::String(s) => s.as_bytes().len() + 2,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 2,
        Value::Map(pairs) => pairs.iter().map(|(k, v)| weight(k) + weight(v) + 2).sum::<usize>() + 2,
        _ => 8,
    }
}

/// A text of the wire; what is not UTF-8 is made so, as Node does.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(String::from_utf8_lossy(s.as_bytes()).into_owned()),
        _ => None,
    }
}

/// Writes a tree as JavaScript's `JSON.stringify` would, with bytes left to the serializer.
struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Nil => serializer.serialize_unit(),
            Value::Boolean(b) => serializer.serialize_bool(*b),
            Value::Integer(i) => match (i.as_i64(), i.as_u64()) {
                (Some(i), _) => serializer.serialize_i64(i),
                (None, Some(u)) => serializer.serialize_u64(u),
                (None, None) => serializer.serialize_unit(),
            },
            Value::F32(f) => number(f64::from(*f), serializer),
            Value::F64(f) => number(*f, serializer),
            Value::String(s) => serializer.serialize_str(&String::from_utf8_lossy(s.as_bytes())),
            Value::Binary(bytes) => serializer.serialize_bytes(bytes),
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(&Json(item)))?;
                seq.end()
            }
            Value::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    let key = text(key).unwrap_or_else(|| key.to_string());
                    map.serialize_entry(&key, &Json(value))?;
                }
                map.end()
            }
            Value::Ext(kind, data) => match date(*kind, data) {
                Some(at) => serializer.serialize_str(&at),
                None => serializer.serialize_unit(),
            },
        }
    }
}

/// JavaScript has one kind of number: 1.0 is written 1, and what is not finite is null.
fn number<S: Serializer>(f: f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Beyond 2^53 not every whole number is one of its values.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if f.fract() == 0.0 && f.abs() < WHOLE && !(f == 0.0 && f.is_sign_negative()) {
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        return serializer.serialize_i64(f as i64);
    }
    serializer.serialize_f64(f)
}

/// Dates travel as an extension; type 0 of one byte is `undefined`, which JSON has not.
fn date(kind: i8, data: &[u8]) -> Option<String> {
    let millis = match (kind, data.len()) {
        (-1, 4) => i64::from(u32::from_be_bytes(data.try_into().ok()?)) * 1_000,
        (-1, 8) => {
            let packed = u64::from_be_bytes(data.try_into().ok()?);
            let (nanos, seconds) = (packed >> 34, packed & 0x3_ffff_ffff);
            i64::try_from(seconds * 1_000 + nanos / 1_000_000).ok()?
        }
        (-1, 12) => {
            let nanos = u32::from_be_bytes(data[..4].try_into().ok()?);
            let seconds = i64::from_be_bytes(data[4..].try_into().ok()?);
            seconds.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))?
        }
        (0, 8) => i64::from_be_bytes(data.try_into().ok()?),
        _ => return None,
    };
    // The years 0 to 9999; others have no such text.
    (-62_167_219_200_000..253_402_300_800_000)
        .contains(&millis)
        .then(|| chat_common::Timestamp::from_millis(millis).to_string())
}

/// Reads any JSON, and an acknowledgement with bytes in it, as a tree.
#[derive(Clone, Debug)]
pub(super) struct Tree(pub Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::Binary(v.to_vec()))
    }

    fn visit_byte_buf<E: de::Error>(self, v: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Binary(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Tree(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let Tree(value) = map.next_value()?;
            pairs.push((key.into(), value));
        }
        Ok(Value::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_stays_as_it_came() {
        let json = r#"{"z":1,"a":[1.5,-2,null,true,"ü"],"m":{"k":18446744073709551615}}"#;
        let args = Args::Text(vec![RawValue::from_string(json.to_owned()).unwrap()]);
        let back = Args::from_tree(args.to_tree());
        assert_eq!(serde_json::to_string(&back).unwrap(), format!("[{json}]"));
    }

    #[test]
    fn what_only_javascript_has_becomes_what_json_has() {
        let nanos = 500_000_000u64 << 34 | 1_700_000_000;
        for (value, json) in [
            (Value::Ext(0, vec![0]), "null"),
            (Value::Ext(-1, 1_700_000_000u32.to_be_bytes().to_vec()), "\"2023-11-14T22:13:20.000Z\""),
            (Value::Ext(-1, nanos.to_be_bytes().to_vec()), "\"2023-11-14T22:13:20.500Z\""),
            (Value::Ext(0, i64::MAX.to_be_bytes().to_vec()), "null"),
            (Value::Ext(77, vec![1, 2, 3]), "null"),
            (Value::F64(f64::NAN), "null"),
            (Value::F64(3.0), "3"),
            (Value::F64(0.5), "0.5"),
        ] {
            assert_eq!(serde_json::to_string(&Json(&value)).unwrap(), json, "{value:?}");
        }
    }

    #[test]
    fn bytes_keep_a_tree() {
        let with = vec![Value::Map(vec![("b".into(), Value::Binary(vec![1, 2]))])];
        assert!(matches!(Args::from_tree(with), Args::Tree(_)));
        assert!(matches!(Args::from_tree(vec![Value::Nil]), Args::Text(_)));
    }

    proptest! {
        #[test]
        fn any_json_survives_the_tree(s in "\\PC{0,40}", n in any::<i64>(), b in any::<bool>()) {
            let json = serde_json::json!({"s": s, "list": [n, b, null], "o": {"k": s}});
            let tree = tree(&json.to_string()).unwrap();
            let back: serde_json::Value = serde_json::to_value(Json(&tree)).unwrap();
            prop_assert_eq!(back, json);
        }
    }
}

//! The codec against bytes that Node's adapter and emitter put on Redis.

use proptest::prelude::*;

use super::*;

/// Emitted by notepack for `io.to("r1").emit("news", "é", <Buffer 01 02>)` of the classic adapter.
const FROM_NODE: &[u8] = b"\x93\xa6aB3-_x\x83\xa4type\x02\xa4data\x93\xa4news\xa2\xc3\xa9\xc4\x02\x01\x02\xa3nsp\xa1/\
\x83\xa5rooms\x91\xa2r1\xa6except\x90\xa5flags\x80";

fn text_of(args: &Args) -> String {
    serde_json::to_string(args).unwrap()
}

fn decoded(bytes: &[u8]) -> (String, Broadcast) {
    decode_broadcast(bytes).unwrap().unwrap()
}

#[test]
fn a_broadcast_of_node_is_read_and_written_the_same() {
    let (uid, broadcast) = decoded(FROM_NODE);
    assert_eq!((uid.as_str(), broadcast.nsp, &*broadcast.event), ("aB3-_x", Nsp::Root, "news"));
    assert_eq!(broadcast.to, To { rooms: vec!["r1".into()], except: vec![] });
    let Args::Tree(args) = &*broadcast.args else { panic!("bytes are among them") };
    assert_eq!(args, &[Value::from("é"), Value::Binary(vec![1, 2])]);
    assert_eq!(encode_broadcast(&uid, &broadcast), FROM_NODE);
}

#[test]
fn the_least_that_node_takes_is_taken() {
    let least = pack(&Value::Array(vec![
        "emitter".into(),
        map([("type", 2.into()), ("data", Value::Array(vec!["EmitData".into(), "x".into()]))]),
        Value::Map(vec![]),
    ]));
    let (_, broadcast) = decoded(&least);
    assert_eq!((broadcast.nsp, text_of(&broadcast.args).as_str()), (Nsp::Root, r#"["x"]"#));
    assert_eq!(broadcast.to, To::default());
}

#[test]
fn a_number_of_seventeen_digits_is_the_same_on_every_node() {
    let bits = 0x007f_00f8_00de_0002_u64;
    for number in [f64::from_bits(bits), 0.300_000_000_000_000_04, f64::MAX, f64::MIN_POSITIVE] {
        let data = vec!["EmitData".into(), Value::F64(number)];
        let packet = map([("type", 2.into()), ("data", Value::Array(data)), ("nsp", "/".into())]);
        let (uid, read) = decoded(&pack(&Value::Array(vec!["u".into(), packet, Value::Nil])));
        // On this node it is text, for the next one a number again.
        let (_, again) = decoded(&encode_broadcast(&uid, &read));
        assert_eq!(again.args.to_tree(), [Value::F64(number)]);
    }
}

#[test]
fn another_namespace_is_not_ours_and_numbers_are_names() {
    let packet = |nsp: &str| map([("type", 2.into()), ("data", Value::Array(vec!["e".into()])), ("nsp", nsp.into())]);
    let other = pack(&Value::Array(vec!["u".into(), packet("/admin"), Value::Nil]));
    assert!(decode_broadcast(&other).unwrap().is_none());
    let opts = map([("rooms", Value::Array(vec![42.into()])), ("except", Value::Nil)]);
    let (_, broadcast) = decoded(&pack(&Value::Array(vec!["u".into(), packet("/events"), opts])));
    assert_eq!((broadcast.nsp, broadcast.to.rooms), (Nsp::Events, vec!["42".to_owned()]));
}

#[test]
fn requests_in_json_and_messagepack_are_read() {
    let read = |json: &str| decode_request(Nsp::Root, json.as_bytes());
    let fetch = r#"{"uid":"aaaaaa","requestId":"r","type":5,"opts":{"rooms":["a"],"except":["b"]}}"#;
    let Ok(Request::Fetch { id, to }) = read(fetch) else { panic!() };
    assert_eq!((id.as_str(), to.rooms, to.except), ("r", vec!["a".to_owned()], vec!["b".to_owned()]));
    let Ok(Request::Join { to, rooms, reply }) = read(r#"{"type":2,"opts":{"rooms":[],"except":[]},"rooms":["x"]}"#)
    else {
        panic!()
    };
    assert_eq!((to, rooms, reply), (To::default(), vec!["x".to_owned()], None));
    let Ok(Request::Disconnect { to, close: true, reply: Some(id) }) =
        read(r#"{"type":4,"sid":"s","close":true,"requestId":"9"}"#)
    else {
        panic!()
    };
    assert_eq!((to.rooms, id.as_str()), (vec!["s".to_owned()], "9"));
    assert!(matches!(read(r#"{"type":6,"uid":"u","data":["x"]}"#), Ok(Request::Nothing)));
    assert!(matches!(read(r#"{"type":6,"uid":"u","requestId":"q","data":["x"]}"#), Ok(Request::ServerSide { .. })));
    assert!(matches!(read(r#"{"type":99}"#), Ok(Request::Nothing)));
    let packet = map([("type", 2.into()), ("data", Value::Array(vec!["e".into()])), ("nsp", "/".into())]);
    let opts = map([("rooms", Value::Array(vec![])), ("flags", map([("timeout", 1_500.into())]))]);
    let ask = pack(&map([
        ("uid", "u".into()),
        ("requestId", "q".into()),
        ("type", 7.into()),
        ("packet", packet),
        ("opts", opts),
    ]));
    let Ok(Request::Ask { timeout, .. }) = decode_request(Nsp::Root, &ask) else { panic!() };
    assert_eq!(timeout, Duration::from_millis(1_500));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let deep = |open: &[u8]| open.repeat(10_000);
    for bytes in [
        &b""[..],
        b"\xc1",
        b"{",
        b"{}",
        b"{\"type\":5}",
        b"\x93\x01\x02\x03",
        b"\xdf\xff\xff\xff\xff",
        &deep(b"\x91"),
        &deep(b"{\"a\":"),
    ] {
        assert!(decode_broadcast(bytes).is_err(), "{:?}", &bytes[..bytes.len().min(9)]);
        assert!(decode_request(Nsp::Root, bytes).is_err(), "{:?}", &bytes[..bytes.len().min(9)]);
    }
    assert_eq!(decode_broadcast(&vec![0xc0; LARGEST + 1]).unwrap_err(), Bad::TooLarge);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        // Neither may panic, nor may what was read be impossible to write.
        if let Ok(Some((uid, broadcast))) = decode_broadcast(&bytes) {
            encode_broadcast(&uid, &broadcast);
        }
        let _read_or_refused = decode_request(Nsp::Events, &bytes);
    }

    #[test]
    fn a_torn_broadcast_is_refused_or_read(at in 0..FROM_NODE.len(), with in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = FROM_NODE.to_vec();
        if cut { bytes.truncate(at) } else { bytes[at] = with }
        let _read_or_refused = decode_broadcast(&bytes);
    }

    #[test]
    fn what_is_written_reads_back(
        event in "\\PC{1,20}", rooms in proptest::collection::vec("\\PC{1,10}", 0..4),
        except in proptest::collection::vec("[a-z]{1,5}", 0..3), volatile in any::<bool>(), text in "\\PC{0,30}",
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let args = Arc::new(Args::from_tree(vec![text.into(), Value::Binary(bytes), Value::F64(0.25)]));
        let to = To { rooms, except };
        let broadcast = Broadcast { nsp: Nsp::Events, to, volatile, event: event.into(), args };
        let (uid, back) = decoded(&encode_broadcast("uid", &broadcast));
        prop_assert_eq!(uid, "uid");
        prop_assert_eq!((back.nsp, &back.to, back.volatile, &back.event), (broadcast.nsp, &broadcast.to, volatile, &broadcast.event));
        prop_assert_eq!(back.args.to_tree(), broadcast.args.to_tree());
    }
}

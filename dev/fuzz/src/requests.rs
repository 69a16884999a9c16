//! Requests of `/chat`: taken apart, read as the type of their event.

use chat_common::ErrorCode;
use chat_server::gateway::fuzzing;

/// Reading never panics; a refusal is `invalid` and names a field; what was read reads the same once it is written.
pub(crate) fn requests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((event, read)) = fuzzing::request(text) else { return };
    match read {
        Err(error) => {
            assert_eq!(error.code, ErrorCode::Invalid, "{error:?}");
            assert!(error.field.as_ref().is_some_and(|f| !f.is_empty()), "no field is named: {error:?}");
        }
        Ok(written) => {
            let again = format!("[{},{written}]", serde_json::to_string(&event).unwrap());
            let (_, read) = fuzzing::request(&again).expect("the event is known");
            assert_eq!(read.expect("what was written is read"), written);
        }
    }
}

//! Limits that would make a server nobody can use are refused.

use chat_common::Limits;

/// Bytes an entry takes beside its text.
const ENVELOPE: usize = 2_048;

/// The one limit that 0 takes away.
const FOREVER: &str = "retention_days";

/// The key that is wrong, and why; `Ok` if none is.
pub fn check(limits: &Limits) -> Result<(), (String, String)> {
    let value = serde_json::to_value(limits).unwrap_or_default();
    let zero = value.as_object().into_iter().flatten().find(|(name, v)| v.as_u64() == Some(0) && *name != FOREVER);
    if let Some((name, _)) = zero {
        return Err((name.clone(), format!("{name} is 0, so that nothing would pass; leave it out for the default")));
    }
    if limits.text_bytes + ENVELOPE > limits.reply_bytes {
        let most = limits.reply_bytes.saturating_sub(ENVELOPE);
        let why = format!("with reply_bytes = {} a text may have {most} at most", limits.reply_bytes);
        return Err(("text_bytes".to_owned(), format!("text_bytes is {}, but {why}", limits.text_bytes)));
    }
    if limits.text_bytes + ENVELOPE > limits.payload_bytes {
        let why = format!("is {}, too small for text_bytes = {}", limits.payload_bytes, limits.text_bytes);
        return Err(("payload_bytes".to_owned(), format!("payload_bytes {why}")));
    }
    Ok(())
}

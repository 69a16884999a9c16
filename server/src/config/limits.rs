//! Limits that would make a server nobody can use are refused.

use chat_common::Limits;

/// Bytes an entry takes beside its text.
const ENVELOPE: usize = 2_048;

/// What is wrong with them, if anything.
pub fn check(limits: &Limits) -> Result<(), String> {
    let value = serde_json::to_value(limits).map_err(|e| e.to_string())?;
    let zero = value.as_object().into_iter().flatten().find(|(_, v)| v.as_u64() == Some(0));
    if let Some((name, _)) = zero {
        return Err(format!("limits.{name} is 0, so that nothing would pass; leave it out for the default"));
    }
    if limits.text_bytes + ENVELOPE > limits.reply_bytes {
        let most = limits.reply_bytes.saturating_sub(ENVELOPE);
        return Err(format!(
            "limits.text_bytes is {}, but with limits.reply_bytes = {} a text may have {most} at most",
            limits.text_bytes, limits.reply_bytes
        ));
    }
    if limits.text_bytes + ENVELOPE > limits.payload_bytes {
        return Err(format!(
            "limits.payload_bytes is {}, too small for limits.text_bytes = {}",
            limits.payload_bytes, limits.text_bytes
        ));
    }
    Ok(())
}

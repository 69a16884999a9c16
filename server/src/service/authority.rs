//! What ends connections, read by every node each second and at once on `Signal::Authority`.

use super::{Result, Services};
use crate::storage::Authority;

/// The authority rows after `cursor`, oldest first, and the new cursor; `None`: no rows, only the newest cursor, to
/// begin with. What this node has remembered about them is forgotten here.
pub async fn poll(s: &Services, cursor: Option<i64>) -> Result<(Vec<Authority>, i64)> {
    let (rows, cursor) = s.store.authority_since(cursor).await?;
    for row in &rows {
        match row {
            Authority::Room { room, .. } | Authority::RoomClosed(room) | Authority::RoomDeleted(room) => {
                s.presence.forget_members(*room);
            }
            _ => {}
        }
    }
    Ok((rows, cursor))
}

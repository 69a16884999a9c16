//! `/hook` over REST: the one thing of the screen that does not go over the line, since an address must be whole.

use chat_common::rest::{CreateHook, CreateOutgoing};
use chat_common::{ErrorBody, ErrorCode, RoomRef};
use tokio::sync::mpsc;

use crate::api::{ApiError, Client};
use crate::app::{Answer, Event, HookAnswer, Msg};
use crate::command::HookAsk;

/// Asks, and tells the screen what came of it.
pub(super) async fn ask(client: Client, tag: u64, room: RoomRef, ask: HookAsk, told: mpsc::Sender<Msg>) {
    let result = asked(&client, &room, ask).await.map(Answer::Hook);
    // The screen has ended: nobody waits.
    let _ended = told.send(Msg::Net(Event::Answer { tag, result })).await;
}

async fn asked(client: &Client, room: &RoomRef, ask: HookAsk) -> Result<HookAnswer, ErrorBody> {
    let body = |e: ApiError| e.body();
    let out =
        async |url: String| client.create_outgoing(room, &CreateOutgoing { url, events: None, bots: false }).await;
    match ask {
        HookAsk::List => {
            let hooks = client.hooks(room).await.map_err(body)?.hooks;
            Ok(HookAnswer::Listed(hooks, client.outgoing(room).await.map_err(body)?.outgoing))
        }
        HookAsk::Add(name) => client.create_hook(room, &CreateHook { name }).await.map(HookAnswer::Made).map_err(body),
        HookAsk::Rotate(meant) => {
            let id = incoming(client, room, &meant).await.map_err(body)?.ok_or_else(unknown)?;
            client.rotate_hook(room, &id).await.map(HookAnswer::Made).map_err(body)
        }
        HookAsk::Delete(meant) => {
            match incoming(client, room, &meant).await.map_err(body)? {
                Some(id) => client.delete_hook(room, &id).await.map_err(body)?,
                None => {
                    let all = client.outgoing(room).await.map_err(body)?.outgoing;
                    let found = all.into_iter().find(|o| o.id == meant || o.url == meant).ok_or_else(unknown)?;
                    client.delete_outgoing(room, &found.id).await.map_err(body)?;
                }
            }
            Ok(HookAnswer::Deleted)
        }
        HookAsk::Out(url) => out(url).await.map(HookAnswer::Out).map_err(body),
    }
}

/// The id of the webhook that is meant by its id or by its name.
async fn incoming(client: &Client, room: &RoomRef, meant: &str) -> Result<Option<String>, ApiError> {
    let all = client.hooks(room).await?.hooks;
    Ok(all.into_iter().find(|h| h.id == meant || h.name.as_str().eq_ignore_ascii_case(meant)).map(|h| h.id))
}

fn unknown() -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, "no such webhook in this room; /hook lists them")
}

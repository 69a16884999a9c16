//! Incoming webhooks: made by a room's moderators, posted to by programs that know nothing but an address.

use chat_common::event::message::Send;
use chat_common::model::{User, UserKind};
use chat_common::rest::{self, Scope};
use chat_common::{ClientId, RoomName, RoomRef};

use super::accounts::secret;
use super::limiter::Action;
use super::{Caller, Error, Proof, Result, Services, access, accounts, messages, tell};
use crate::domain::{Refusal, slack};
use crate::storage::{HookRow, NewUser};

/// Webhooks a room can have.
const HOOKS: u32 = 50;

/// `POST /rooms/{room}/hooks`; the path of its address, shown once. Not for tokens and guests.
pub async fn create(
    s: &Services,
    caller: &Caller,
    room: &RoomRef,
    req: rest::CreateHook,
) -> Result<(rest::HookInfo, String)> {
    caller.needs_account()?;
    if req.name.is_guest() {
        return Err(Error::invalid("name", "a webhook's name does not begin with `~`"));
    }
    let room = access::writable(s, caller, room).await?;
    let now = s.now();
    s.limiter.take(Action::MakeToken(caller.user.id), &s.limits, now)?;
    let secret = secret::token("")?;
    let bot = NewUser {
        id: accounts::user_id()?,
        name: req.name.clone(),
        display_name: req.name.to_string(),
        kind: UserKind::Bot,
        role: chat_common::event::server::ServerRole::User,
        password_hash: None,
        owner: Some(caller.user.id),
        invite_hash: None,
        at: now,
    };
    let hook = HookRow { id: secret::id()?, room, bot: bot.id, name: req.name, created_at: now };
    let user = User { id: bot.id, name: bot.name.clone(), display_name: bot.display_name.clone(), kind: bot.kind };
    let (s2, actor, row, hash) = (s.clone(), caller.user.id, hook.clone(), secret::hash(&secret));
    s.finish(async move {
        let room = s2.store.create_hook(actor, row, hash, bot, HOOKS, now).await?;
        tell::joined(&s2, &room, &user, None).await;
        Ok(())
    })
    .await?;
    Ok((info(&hook), format!("/hooks/{}/{secret}", hook.id)))
}

/// `GET /rooms/{room}/hooks`
pub async fn list(s: &Services, caller: &Caller, room: &RoomRef) -> Result<rest::Hooks> {
    caller.needs_account()?;
    let room = access::writable(s, caller, room).await?;
    let hooks = s.store.hooks(caller.user.id, &room, s.now()).await?;
    Ok(rest::Hooks { hooks: hooks.iter().map(info).collect() })
}

/// `DELETE /rooms/{room}/hooks/{id}`
pub async fn delete(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<()> {
    caller.needs_account()?;
    let room: RoomName = access::writable(s, caller, room).await?;
    let deleted = s.store.delete_hook(caller.user.id, &room, id, s.now()).await?;
    if deleted { Ok(()) } else { Err(Refusal::NotFound { what: "webhook" }.into()) }
}

/// `POST /hooks/{id}/{secret}`: `payload` is Slack's incoming-webhook JSON. A wrong address is `not_found`.
pub async fn post(s: &Services, id: &str, secret: &str, payload: &serde_json::Value) -> Result<()> {
    const UNKNOWN: Refusal = Refusal::NotFound { what: "webhook" };
    let hook = s.store.hook(id, secret::hash(secret)).await?.ok_or(UNKNOWN)?;
    let bot = s.store.user(hook.bot).await?.ok_or(UNKNOWN)?;
    let text = slack::text(payload, s.limits.text_bytes)?;
    let caller = Caller {
        user: bot.user,
        role: bot.role,
        proof: Proof::Token(hook.id),
        scopes: Some(vec![Scope::Send]),
        rooms: Some(vec![hook.room.clone()]),
        expires_at: None,
        conn: None,
    };
    let client_id = ClientId::parse(&secret::id()?).map_err(|_| Error::Internal)?;
    messages::send(s, &caller, Send { room: hook.room.into(), text, client_id, reply_to: None }).await?;
    Ok(())
}

fn info(hook: &HookRow) -> rest::HookInfo {
    rest::HookInfo { id: hook.id.clone(), name: hook.name.clone(), created_at: hook.created_at }
}

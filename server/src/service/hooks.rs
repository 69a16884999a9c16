//! Incoming webhooks: made by a room's moderators, posted to by programs that know nothing but an address.

use chat_common::event::message::{Send, SendReply};
use chat_common::model::{User, UserKind};
use chat_common::rest::{self, Scope};
use chat_common::{ClientId, RoomRef};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::accounts::secret;
use super::limiter::Action;
use super::{Caller, Error, Proof, Result, Services, access, accounts, messages, tell};
use crate::domain::Refusal;
use crate::domain::hook::Draft;
use crate::storage::{HookRow, NewUser, Signing};

/// Webhooks a room can have.
const HOOKS: u32 = 50;
/// What a wrong address is told, whatever is wrong with it.
const UNKNOWN: Refusal = Refusal::NotFound { what: "webhook" };

/// A webhook as it is shown once: what it is, and what must be kept.
pub struct Made {
    /// What it is.
    pub info: rest::HookInfo,
    /// Where to post, below the server's own address.
    pub path: String,
    /// For senders that sign.
    pub signing: String,
}

/// `POST /rooms/{room}/hooks`. Not for tokens and guests.
pub async fn create(s: &Services, caller: &Caller, room: &RoomRef, req: rest::CreateHook) -> Result<Made> {
    caller.needs_owner()?;
    if req.name.is_guest() {
        return Err(Error::invalid("name", "a webhook's name does not begin with `~`"));
    }
    let room = access::writable(s, caller, room).await?;
    let (now, actor) = (s.now(), caller.actor());
    if let Some(maker) = actor {
        s.limiter.take(Action::MakeToken(maker), &s.limits, now)?;
    }
    let (secret, signing) = secrets()?;
    let bot = NewUser {
        id: accounts::user_id()?,
        name: req.name.clone(),
        display_name: req.name.to_string(),
        kind: UserKind::Bot,
        role: chat_common::event::server::ServerRole::User,
        password_hash: None,
        owner: actor,
        invite_hash: None,
        at: now,
    };
    let hook = HookRow {
        id: secret::id()?,
        room,
        bot: bot.id,
        name: req.name,
        signing: Signing(signing.clone()),
        created_at: now,
    };
    let user = User { id: bot.id, name: bot.name.clone(), display_name: bot.display_name.clone(), kind: bot.kind };
    let (s2, row, hash) = (s.clone(), hook.clone(), secret::hash(&secret));
    s.finish(async move {
        let room = s2.store.create_hook(actor, row, hash, bot, HOOKS, now).await?;
        tell::joined(&s2, &room, &user, None).await;
        Ok(())
    })
    .await?;
    Ok(Made { info: info(&hook), path: path(&hook.id, &secret), signing })
}

/// `GET /rooms/{room}/hooks`
pub async fn list(s: &Services, caller: &Caller, room: &RoomRef) -> Result<rest::Hooks> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let hooks = s.store.hooks(caller.actor(), &room, s.now()).await?;
    Ok(rest::Hooks { hooks: hooks.iter().map(info).collect() })
}

/// `POST /rooms/{room}/hooks/{id}/rotate`: another address and another signing secret; the earlier ones end now.
pub async fn rotate(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<Made> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let (secret, signing) = secrets()?;
    let hash = secret::hash(&secret);
    let sign = Signing(signing.clone());
    let hook = s.store.rotate_hook(caller.actor(), &room, id, hash, sign, s.now()).await?.ok_or(UNKNOWN)?;
    Ok(Made { info: info(&hook), path: path(&hook.id, &secret), signing })
}

/// `DELETE /rooms/{room}/hooks/{id}`
pub async fn delete(s: &Services, caller: &Caller, room: &RoomRef, id: &str) -> Result<()> {
    caller.needs_owner()?;
    let room = access::writable(s, caller, room).await?;
    let deleted = s.store.delete_hook(caller.actor(), &room, id, s.now()).await?;
    if deleted { Ok(()) } else { Err(UNKNOWN.into()) }
}

/// The id of a room's webhook that is meant by its id or by the name of its bot. For the command line.
pub async fn find(s: &Services, caller: &Caller, room: &RoomRef, meant: &str) -> Result<String> {
    let hooks = list(s, caller, room).await?.hooks;
    let named = hooks.into_iter().find(|h| h.id == meant || h.name.as_str() == meant);
    Ok(named.ok_or(UNKNOWN)?.id)
}

/// The webhook of an address. A wrong one is `not_found`.
pub async fn addressed(s: &Services, id: &str, secret: &str) -> Result<HookRow> {
    Ok(s.store.hook(id, secret::hash(secret)).await?.ok_or(UNKNOWN)?)
}

/// Whether `signature`, as `sha256=…` in hexadecimal digits, is the one of `body`.
pub fn signed(hook: &HookRow, signature: Option<&str>, body: &[u8]) -> Result<()> {
    if hook.signing.0.is_empty() {
        return Err(Error::Unauthorized("this webhook is older than signatures; rotate it and take its new secrets"));
    }
    let given = signature.ok_or(Error::Unauthorized(
        "the header X-Hub-Signature-256 is missing; give the sender this webhook's signing secret",
    ))?;
    const WRONG: Error = Error::Unauthorized(
        "the signature is not the body's; the sender has another secret than this webhook's signing secret",
    );
    let digits = given.strip_prefix("sha256=").and_then(bytes).ok_or(WRONG)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(hook.signing.0.as_bytes()).map_err(|_| Error::Internal)?;
    mac.update(body);
    // Takes the same time wherever the first difference is.
    mac.verify_slice(&digits).map_err(|_| WRONG)
}

/// What was posted, as it is stored, and where.
pub struct Posted {
    /// The message's text.
    pub text: String,
    /// Its place.
    pub sent: SendReply,
}

/// Posts into the webhook's room as its bot. The same `key` posts once.
pub async fn post(s: &Services, hook: &HookRow, draft: &Draft, key: Option<&str>) -> Result<Posted> {
    let bot = s.store.user(hook.bot).await?.ok_or(UNKNOWN)?;
    let text = draft.message(bot.user.name.as_str(), s.limits.text_bytes)?;
    let caller = Caller {
        user: bot.user,
        role: bot.role,
        proof: Proof::Token(hook.id.clone()),
        scopes: Some(vec![Scope::Send]),
        rooms: Some(vec![hook.room.clone()]),
        expires_at: None,
        conn: None,
    };
    let client_id = match key.map(ClientId::parse) {
        Some(Ok(key)) => key,
        _ => ClientId::parse(&secret::id()?).map_err(|_| Error::Internal)?,
    };
    let send = Send { room: hook.room.clone().into(), text: text.clone(), client_id, reply_to: None };
    Ok(Posted { text, sent: messages::send(s, &caller, send).await? })
}

/// The secret of an address, and the one that signs.
fn secrets() -> Result<(String, String)> {
    Ok((secret::token("")?, secret::token("")?))
}

fn path(id: &str, secret: &str) -> String {
    format!("/hooks/{id}/{secret}")
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pair = |p: &[u8]| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok();
    if digits.len() == 64 { digits.chunks_exact(2).map(pair).collect() } else { None }
}

fn info(hook: &HookRow) -> rest::HookInfo {
    rest::HookInfo { id: hook.id.clone(), name: hook.name.clone(), created_at: hook.created_at }
}

//! The story that every back end must tell alike: functions over any [`Store`], run by each back end's tests.

pub mod accounts;
pub mod feed;
pub mod hooks;
pub mod keep;
pub mod messages;
pub mod moderation;
pub mod nodes;
pub mod rooms;
pub mod search;

use std::sync::Arc;
use std::time::Duration;

use chat_common::event::server::ServerRole;
use chat_common::model::RoomKind;
use chat_common::{ClientId, RoomName, Timestamp, UserId, UserName};

use crate::domain::{Refusal, mention};
use crate::storage::{Append, Appended, Moderation, NewUser, Store, StoreError, StoreResult};

/// A test of each story. `run(name, story)` opens a store, gives it to the story, closes it and looks at what is left.
macro_rules! every_story {
    ($run:ident) => {
        $crate::storage::contract::every_story! { @each $run;
            messages: a_message_is_sent_and_read, duplicates_at_once_are_one, every_log_is_whole,
                edits_and_deletes_blank_the_text, reactions_add_up, history_turns_pages, unread_is_counted,
                sending_needs_the_right;
            rooms: rooms_are_found_by_who_may, members_come_and_go, members_page_by_name, rooms_change, a_deleted_room_is_gone;
            moderation: rank_decides, removals_are_told_and_kept, moderators_delete, the_owner_of_the_machine_acts;
            accounts: names_are_given_once, refresh_tokens_rotate, sessions_end, tokens_invitations_blocks;
            nodes: leases_run_out, a_lease_that_ran_out_is_renewed_until_it_is_taken, guesses_are_counted_together,
                one_node_leads_each_work;
            hooks: webhooks_have_an_address_until_it_is_rotated, outgoing_webhooks_go_on_where_they_were,
                who_came_and_went_is_queued, what_was_given_up_is_kept_and_sent_again,
                an_erased_users_outgoing_webhooks_go;
            feed: the_feed_goes_on_where_it_was, the_feed_skips_what_was_private;
            keep: old_texts_are_blanked, the_default_is_for_rooms_that_say_nothing, an_erased_user_is_gone,
                an_erased_users_texts_go, a_used_store_is_sound;
            search: search_finds_what_people_write, search_keeps_to_its_filters, search_turns_pages, search_forgets;
        }
    };
    (@each $run:ident; $($part:ident: $($name:ident),+;)+) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $run(stringify!($name), $crate::storage::contract::$part::$name).await;
        })+)+
    };
}
pub(crate) use every_story;

/// The day on which the stories begin.
pub fn start() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

/// So many milliseconds later.
pub fn later(ms: u64) -> Timestamp {
    start().plus(Duration::from_millis(ms))
}

/// A parsed room name.
pub fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A parsed user name.
pub fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// An account to be made; the id comes from the name.
pub fn account(wish: &str) -> NewUser {
    let bits = wish.bytes().fold(7u64, |h, b| h.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(b)));
    NewUser::plain(UserId::from_bits(bits), name(wish), start())
}

/// A stored account.
pub async fn user(store: &Arc<dyn Store>, wish: &str) -> UserId {
    store.create_user(account(wish)).await.unwrap().user.id
}

/// A message to be sent.
pub fn text(sender: UserId, to: &RoomName, key: &str, text: &str) -> Append {
    Append {
        sender,
        room: to.clone(),
        text: text.to_owned(),
        client_id: ClientId::parse(key).unwrap(),
        reply_to: None,
        mentions: mention::names(text),
        max_rooms: 200,
        at: start(),
    }
}

/// Sends one, whose key is its text's beginning.
pub async fn send(store: &Arc<dyn Store>, sender: UserId, to: &RoomName, key: &str, body: &str) -> Appended {
    store.append(text(sender, to, key, body)).await.unwrap()
}

/// The rule's no.
pub fn refused<T: std::fmt::Debug>(result: StoreResult<T>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// Whether it is `Forbidden`.
pub fn forbidden<T: std::fmt::Debug>(result: StoreResult<T>) -> bool {
    matches!(refused(result), Refusal::Forbidden(_))
}

/// Makes an admin.
pub async fn admin(store: &Arc<dyn Store>, wish: &str) -> UserId {
    store.create_user(NewUser { role: ServerRole::Admin, ..account(wish) }).await.unwrap().user.id
}

/// A room with its owner.
pub async fn make_room(store: &Arc<dyn Store>, owner: UserId, wish: &str, kind: RoomKind) -> RoomName {
    store.create_room(owner, room(wish), kind, String::new(), 200, start()).await.unwrap().name
}

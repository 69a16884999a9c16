//! The README's screens: the program as it stands after some talk, at two sizes.

use anyhow::Result;

use crate::picture::Picture;
use crate::stage::{Stage, react, reply};

/// A screen that was taken.
pub struct Shot {
    /// Its size, as in the file's name.
    pub name: &'static str,
    /// For those who cannot see it.
    pub what: &'static str,
    /// What it shows.
    pub picture: Picture,
}

const SIZES: [((u16, u16), &str, &str); 2] = [
    ((80, 24), "80x24", "chat-tui at 80×24: a room with a mention, a reply with code, reactions"),
    ((140, 40), "140x40", "chat-tui at 140×40: rooms at the left, members at the right"),
];

/// Takes them.
pub async fn take() -> Result<Vec<Shot>> {
    let stage = talk().await;
    let mut shots = Vec::new();
    // Two others are there as well.
    let ana = stage.terminal("ana", SIZES[0].0, "chat-tui", &["--room", "ops"]).await?;
    let raj = stage.terminal("raj", SIZES[0].0, "chat-tui", &["--room", "ops"]).await?;
    for there in [&ana, &raj] {
        there.wait_for("rolling restart").await;
    }
    for (size, name, what) in SIZES {
        let mut terminal = stage
            .terminal("kim", size, "chat-tui", &["--room", "lobby", "--room", "dev", "--room", "@ana", "--room", "ops"])
            .await?;
        terminal.wait_for("rolling restart").await;
        terminal.wait_for("online").await;
        terminal.keys("and then coff");
        terminal.wait_for("and then coff").await;
        terminal.wait_for("3 here").await;
        // The time of the round trip is told with the first answer.
        crate::stage::pause(1_500).await;
        shots.push(Shot { name, what, picture: terminal.with_screen(Picture::of) });
        drop(terminal);
    }
    Ok(shots)
}

/// `chat-server top` while people talk.
pub async fn top() -> Result<Shot> {
    let stage = talk().await;
    let data = stage.server.data_dir().display().to_string();
    let mut sockets = Vec::new();
    for (account, rooms) in
        [(&stage.ana, vec!["ops", "dev", "lobby"]), (&stage.raj, vec!["ops", "dev"]), (&stage.ci, vec!["dev"])]
    {
        let mut socket = account.socket().await;
        for room in rooms {
            socket.join(room).await;
        }
        sockets.push(socket);
    }
    let terminal = stage.terminal("kim", (100, 30), "chat-server", &["top", "--data-dir", &data]).await?;
    terminal.wait_for("store ok").await;
    for args in [
        ["invite", "create"].as_slice(),
        &["room", "create", "cellar", "--owner", "raj"],
        &["user", "role", "raj", "admin"],
    ] {
        stage.server.command(args).await;
    }
    // Busier and quieter: a curve that is flat shows nothing.
    for second in 0_usize..24 {
        let burst = 4 + 26 * (second % 8) / 7;
        for n in 0..burst {
            let room = ["ops", "dev", "ops", "lobby"][n % 4];
            sockets[0].say(room, "build passed", &format!("{second}-{n}")).await;
        }
        crate::stage::pause(1_000).await;
        for socket in &mut sockets {
            socket.drain().await;
        }
    }
    Ok(Shot {
        name: "top",
        what: "chat-server top at 100×30: rates with their curves, connections, rooms, who did what",
        picture: terminal.with_screen(Picture::of),
    })
}

/// What stands in the rooms.
async fn talk() -> Stage {
    let stage = Stage::new().await;
    let Stage { ana, raj, ci, kim, .. } = &stage;
    stage.morning().await;
    let asked = ana.say("ops", "@kim can you check the pool size?").await;
    let code = "it is 20, I raise it to **50**:\n```toml\npool_max = 50\n```";
    let answer = reply(kim, "ops", asked, code).await;
    for who in [ana, raj, ci] {
        react(who, "ops", answer, "👍").await;
    }
    raj.say("ops", "thanks!").await;
    kim.say("ops", "rolling restart now").await;
    raj.say("dev", "@kim review of !318?").await;
    raj.say("lobby", "lunch at noon").await;
    ana.api.post("/rooms/@kim/messages", &serde_json::json!({"text": "do you have a minute?"})).await.ok();
    stage
}

// A bot in Node: answers `!ping`. Needs `npm install socket.io-client` and an API token, made by who is logged in
// (`chat-tui token create pinger --scope read,send`):
//   CHAT_TOKEN=chat_… CHAT_ROOM=lobby node bot.mjs
import { io } from "socket.io-client";

const { CHAT_URL = "http://127.0.0.1:6969", CHAT_TOKEN: token, CHAT_ROOM: room = "lobby" } = process.env;
const chat = io(`${CHAT_URL}/chat`, { auth: { token } });
chat.on("connect_error", (error) => console.error(error.message));
chat.on("ready", ({ user }) => chat.emit("room:join", { room }, ({ ok, error }) =>
  console.log(ok ? `${user.name} listens in ${room}` : error.message)));
chat.on("message:created", ({ room, seq, from, text }) => {
  if (from.kind === "bot" || !text?.startsWith("!ping")) return; // never answer a bot, or two of them never end
  chat.emit("message:send", { room, text: `pong, ${from.name}`, reply_to: seq, client_id: `pong-${seq}` });
});

// The Node server that `chat-bench load` compares with: socket.io as its documentation shows it, with the same logic as far as
// one keeps nothing on disk: a user by its token, rooms, numbered messages of which the last 200 of a room are kept.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

const rooms = new Map();
const room = (name) => {
  if (!rooms.has(name)) rooms.set(name, { seq: 0, last: [] });
  return rooms.get(name);
};

io.use((socket, next) => {
  const name = socket.handshake.auth.token;
  if (typeof name !== "string") return next(new Error("unauthorized"));
  socket.data.user = { id: "0123456789abc", name: `~${name}`, display_name: name, kind: "guest" };
  next();
});

io.on("connection", (socket) => {
  socket.on("join", (wish, ack) => {
    socket.join(wish.room);
    ack({ ok: true, head: room(wish.room).seq });
  });
  socket.on("say", (said, ack) => {
    const to = room(said.room);
    to.seq += 1;
    const entry = {
      event: "message:created",
      room: said.room,
      seq: to.seq,
      at: new Date().toISOString(),
      from: socket.data.user,
      text: said.text,
      client_id: said.client_id,
      mentions: [],
    };
    to.last.push(entry);
    if (to.last.length > 200) to.last.shift();
    io.to(said.room).emit("message:created", entry);
    ack({ ok: true, seq: entry.seq, at: entry.at, duplicate: false });
  });
});

http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`node on http://127.0.0.1:${http.address().port}`);
});

// One Node server of the cluster that chat-bench compares with: socket.io on the classic Redis adapter. It joins who
// asks to a room and tells the room, on every node, what is said; it keeps nothing.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const publisher = createClient({ url: process.argv[2] });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  transports: ["websocket"],
  perMessageDeflate: false,
});

// What the chat tells of a message, so that both deliver the same bytes.
const about = {
  event: "message:created",
  seq: 1000,
  at: "2026-01-01T00:00:00.000Z",
  from: { id: "0123456789abc", name: "~reader", display_name: "reader", kind: "guest" },
  mentions: [],
};

io.on("connection", (socket) => {
  socket.on("join", ({ room }, ack) => {
    socket.join(room);
    ack({ ok: true });
  });
  socket.on("say", (said, ack) => {
    io.to(said.room).emit("message:created", { ...said, ...about });
    ack({ ok: true });
  });
});

http.listen(0, "127.0.0.1", () => console.log(`node on http://127.0.0.1:${http.address().port}`));

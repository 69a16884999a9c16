// The official socket.io-client, driven from a test. One JSON object a line.
//
// In: first {url, token, transports}; then {emit, data, id} for a request with an acknowledgement. End of input ends.
// Out: {type: "connect", transport} · {type: "connect_error", message} · {type: "disconnect", reason} ·
// {type: "upgrade", transport} · {type: "event", name, data} · {type: "ack", id, data}

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.CHAT_E2E_MODULES);
const { io } = require("socket.io-client");

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
let socket;

function connect({ url, token, transports }) {
  socket = io(url + "/chat", { auth: { token }, transports, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  socket.on("connect", () => {
    const engine = socket.io.engine;
    tell({ type: "connect", transport: engine.transport.name });
  });
  socket.io.on("open", () => {
    socket.io.engine.once("upgrade", (transport) => tell({ type: "upgrade", transport: transport.name }));
  });
  socket.on("connect_error", (error) => tell({ type: "connect_error", message: error.message }));
  socket.on("disconnect", (reason) => tell({ type: "disconnect", reason }));
  socket.onAny((name, data) => tell({ type: "event", name, data }));
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.url) return connect(command);
  socket.emit(command.emit, command.data, (data) => tell({ type: "ack", id: command.id, data }));
});
lines.on("close", () => {
  socket?.close();
  process.exit(0);
});

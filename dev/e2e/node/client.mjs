// The official socket.io-client, driven from a test. One JSON object a line.
//
// In: first {url, token, transports}, or {url, namespace, transports}; then {emit, data, id} for a request with an
// acknowledgement, {emit, data} for one without, {answer, data} to acknowledge that event so. End of input ends.
// Out: {type: "connect", transport} · {type: "connect_error", message} · {type: "disconnect", reason} ·
// {type: "upgrade", transport} · {type: "event", name, data} (with `args` where it has not one argument) ·
// {type: "ack", id, data}

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.CHAT_E2E_MODULES);
const { io } = require("socket.io-client");

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
let socket;

const answers = {};

function connect({ url, token, namespace = "/chat", transports, extraHeaders }) {
  socket = io(url + namespace, { auth: { token }, transports, extraHeaders, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  socket.on("connect", () => {
    const engine = socket.io.engine;
    tell({ type: "connect", transport: engine.transport.name, sid: socket.id });
  });
  socket.io.on("open", () => {
    socket.io.engine.once("upgrade", (transport) => tell({ type: "upgrade", transport: transport.name }));
  });
  socket.on("connect_error", (error) => tell({ type: "connect_error", message: error.message }));
  socket.on("disconnect", (reason) => tell({ type: "disconnect", reason }));
  socket.onAny((name, ...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
    tell({ type: "event", name, data: args[0], ...(args.length === 1 ? {} : { args }) });
    if (answer && name in answers) answer(answers[name]);
  });
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.url) return connect(command);
  if (command.answer) return void (answers[command.answer] = command.data);
  const data = command.data === undefined ? [] : [command.data];
  if (command.id === undefined) return socket.emit(command.emit, ...data);
  socket.emit(command.emit, ...data, (data) => tell({ type: "ack", id: command.id, data }));
});
lines.on("close", () => {
  socket?.close();
  process.exit(0);
});

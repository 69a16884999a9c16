// An official socket.io-client on the relay's namespace `/`: prints {"connected": true}, then each EmitData's payload as
// {"data": …}, one JSON object a line. Ends with its standard input.

import { createRequire } from "node:module";

const require = createRequire(process.env.CHAT_E2E_MODULES);
const { io } = require("socket.io-client");

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const socket = io(process.argv[2], { transports: ["websocket"] });
socket.on("connect", () => tell({ connected: true }));
socket.on("connect_error", (error) => tell({ refused: error.message }));
socket.on("EmitData", (data) => tell({ data }));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

// A NestJS server as the earlier systems have it, with the classic Redis adapter, driven from a test. One JSON object a
// line. It has the earlier systems' own relay (`POST /app/push-data`) and a gateway on `/` and on `/events`.
//
// In: first {redis, specific}; then commands {do, id, …}, see `commands`. End of input ends.
// Out: {type: "ready", port} · {type: "done", id, ms, data} or {type: "done", id, ms, error} ·
// {type: "event", name, data} for what its own clients send · {type: "error", message}

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.CHAT_E2E_MODULES);
require("reflect-metadata");
const { NestFactory } = require("@nestjs/core");
const { Body, Controller, Inject, Module, Post } = require("@nestjs/common");
const { WebSocketGateway, WebSocketServer } = require("@nestjs/websockets");
const { IoAdapter } = require("@nestjs/platform-socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { Emitter } = require("@socket.io/redis-emitter");
const { createClient } = require("redis");

const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");
process.on("uncaughtException", (error) => tell({ type: "error", message: String(error) }));

// Decorators by hand: there is no compiler here.
const decorate = (decorators, target, key) => {
  for (const d of decorators) d(target, key, key && Object.getOwnPropertyDescriptor(target, key));
};

class RootGateway {}
decorate([WebSocketServer()], RootGateway.prototype, "server");
WebSocketGateway({ namespace: "/", cors: true })(RootGateway);

class EventsGateway {}
decorate([WebSocketServer()], EventsGateway.prototype, "server");
WebSocketGateway({ namespace: "/events", cors: true })(EventsGateway);

class PushController {
  constructor(gateway) {
    this.gateway = gateway;
  }
  push(body) {
    this.gateway.server.emit("EmitData", body?.message ?? null);
  }
}
Inject(RootGateway)(PushController, undefined, 0);
Body()(PushController.prototype, "push", 0);
decorate([Post("push-data")], PushController.prototype, "push");
Controller("app")(PushController);

class AppModule {}
Module({ controllers: [PushController], providers: [RootGateway, EventsGateway] })(AppModule);

let spaces = {};
let publisher;
let emitter;

async function start({ redis, specific }) {
  publisher = createClient({ url: redis });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on("error", (error) => tell({ type: "error", message: String(error) }));
    await client.connect();
  }
  const options = { publishOnSpecificResponseChannel: !!specific };
  class RedisIoAdapter extends IoAdapter {
    createIOServer(port, serverOptions) {
      const server = super.createIOServer(port, serverOptions);
      server.adapter(createAdapter(publisher, subscriber, options));
      return server;
    }
  }
  const app = await NestFactory.create(AppModule, { logger: false });
  app.useWebSocketAdapter(new RedisIoAdapter(app));
  await app.listen(0, "127.0.0.1");
  spaces = { "/": app.get(RootGateway).server, "/events": app.get(EventsGateway).server };
  // The gateway of `/` is given the namespace or the server, by version.
  if (spaces["/"].sockets?.adapter) spaces["/"] = spaces["/"].sockets;
  for (const space of Object.values(spaces)) {
    space.on("connection", (socket) => socket.onAny((name, data) => tell({ type: "event", name, data })));
  }
  emitter = new Emitter(publisher);
  // Subscriptions are under way when `listen` is done.
  for (const space of Object.values(spaces)) await space.adapter.serverCount();
  tell({ type: "ready", port: app.getHttpServer().address().port });
}

const revive = (value) => {
  if (Array.isArray(value)) return value.map(revive);
  if (value?.hex !== undefined) return Buffer.from(value.hex, "hex");
  return value;
};

const whom = ({ nsp = "/", room, except }, from = spaces) => {
  let to = from[nsp];
  if (room) to = to.to(room);
  if (except) to = to.except(except);
  return to;
};

const commands = {
  emit: (c) => whom(c).emit(c.event, ...revive(c.args)),
  join: (c) => whom(c).socketsJoin(c.join),
  leave: (c) => whom(c).socketsLeave(c.leave),
  kick: (c) => whom(c).disconnectSockets(!!c.close),
  fetch: async (c) => (await whom(c).fetchSockets()).map(({ id, handshake, rooms, data }) => ({ id, handshake, rooms: [...rooms], data })),
  all: async (c) => [...(await whom(c).adapter.allRooms())],
  count: (c) => whom(c).adapter.serverCount(),
  ask: (c) => whom(c).timeout(c.timeout).emitWithAck(c.event, ...revive(c.args)),
  server: (c) => whom(c).serverSideEmitWithAck(c.event, ...c.args),
  emitter: (c) => void whom(c, { "/": emitter, "/events": emitter.of("/events") }).emit(c.event, ...revive(c.args)),
  emitterJoin: (c) => void whom(c, { "/": emitter, "/events": emitter.of("/events") }).socketsJoin(c.join),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const command = JSON.parse(line);
  if (command.redis) return start(command);
  const begin = performance.now();
  const done = (more) => tell({ type: "done", id: command.id, ms: performance.now() - begin, ...more });
  try {
    done({ data: (await commands[command.do](command)) ?? null });
  } catch (error) {
    done({ error: String(error) });
  }
});
lines.on("close", () => process.exit(0));

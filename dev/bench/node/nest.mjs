// The NestJS server that `chat-bench load` compares with: a gateway over the same socket.io, with the logic of load.mjs. Its
// decorators are applied by hand, since nothing here is compiled.
import "reflect-metadata";
import { Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { IoAdapter } from "@nestjs/platform-socket.io";
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from "@nestjs/websockets";

class Rooms {
  constructor() {
    this.rooms = new Map();
  }

  of(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { seq: 0, last: [] });
    return this.rooms.get(name);
  }
}
Injectable()(Rooms);

class ChatGateway {
  constructor(rooms) {
    this.rooms = rooms;
  }

  afterInit(server) {
    server.use((socket, next) => {
      const name = socket.handshake.auth.token;
      if (typeof name !== "string") return next(new Error("unauthorized"));
      socket.data.user = { id: "0123456789abc", name: `~${name}`, display_name: name, kind: "guest" };
      next();
    });
  }

  // What is returned is the acknowledgement.
  join(socket, wish) {
    socket.join(wish.room);
    return { ok: true, head: this.rooms.of(wish.room).seq };
  }

  say(socket, said) {
    const to = this.rooms.of(said.room);
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
    this.server.to(said.room).emit("message:created", entry);
    return { ok: true, seq: entry.seq, at: entry.at, duplicate: false };
  }
}
Reflect.defineMetadata("design:paramtypes", [Rooms], ChatGateway);
WebSocketServer()(ChatGateway.prototype, "server");
for (const method of ["join", "say"]) {
  ConnectedSocket()(ChatGateway.prototype, method, 0);
  MessageBody()(ChatGateway.prototype, method, 1);
  SubscribeMessage(method)(ChatGateway.prototype, method, Object.getOwnPropertyDescriptor(ChatGateway.prototype, method));
}
WebSocketGateway({ transports: ["websocket"], perMessageDeflate: false, serveClient: false })(ChatGateway);

class Chat {}
Module({ providers: [Rooms, ChatGateway] })(Chat);

const app = await NestFactory.create(Chat, { logger: ["error", "warn"] });
app.useWebSocketAdapter(new IoAdapter(app));
await app.listen(0, "127.0.0.1");
console.log(`nest on http://127.0.0.1:${app.getHttpServer().address().port}`);

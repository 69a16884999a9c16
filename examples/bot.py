# A bot in Python: answers `!ping`. Needs `pip install "python-socketio[client]"` and an API token, made by who is logged in
# (`chat-tui token create pinger --scope read,send`):
#   CHAT_TOKEN=chat_… CHAT_ROOM=lobby python bot.py
import os

import socketio

room = os.environ.get("CHAT_ROOM", "lobby")
chat = socketio.Client()


@chat.on("ready", namespace="/chat")
def ready(data):
    said = f"{data['user']['name']} listens in {room}"
    chat.emit("room:join", {"room": room}, namespace="/chat", callback=lambda r: print(said if r["ok"] else r["error"]["message"], flush=True))


@chat.on("message:created", namespace="/chat")
def message(m):
    if m["from"]["kind"] == "bot" or not (m["text"] or "").startswith("!ping"):
        return  # never answer a bot, or two of them never end
    reply = {"room": m["room"], "text": f"pong, {m['from']['name']}", "reply_to": m["seq"], "client_id": f"pong-{m['seq']}"}
    chat.emit("message:send", reply, namespace="/chat")


chat.connect(os.environ.get("CHAT_URL", "http://127.0.0.1:6969"), auth={"token": os.environ["CHAT_TOKEN"]}, namespaces=["/chat"])
chat.wait()

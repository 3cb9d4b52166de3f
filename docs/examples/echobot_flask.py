from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def receive():
    stanza = request.get_json()
    # Not errors, group chats, or the history of a room.
    isNew = stanza["type"] in ("chat", "normal") and "delay" not in stanza
    text = isNew and stanza.get("body")
    if not text:
        return "", 204
    return {"body": f"You said: {text}"}


if __name__ == "__main__":
    app.run(port=9999)

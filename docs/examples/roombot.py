"""A bot for group chats: answers messages that begin with its nick."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NICK = "robot"


class Bot(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        stanza = json.loads(self.rfile.read(length))
        reply = None
        if stanza["kind"] == "meta":
            print(stanza["event"], stanza["room"], flush=True)
        elif stanza.get("type") == "groupchat" and "delay" not in stanza:
            text = stanza.get("body", "")
            if text.startswith(f"{NICK}:"):
                reply = {"body": f"You said:{text.removeprefix(f'{NICK}:')}"}
        body = b"" if reply is None else json.dumps(reply).encode()
        self.send_response(204 if reply is None else 200)
        if body:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9999), Bot).serve_forever()

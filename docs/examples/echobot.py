import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Bot(BaseHTTPRequestHandler):
    def do_POST(self):
        stanza = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Not errors, group chats, or the history of a room.
        isNew = stanza["type"] in ("chat", "normal") and "delay" not in stanza
        text = isNew and stanza.get("body")
        self.send_response(200 if text else 204)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if text:
            self.wfile.write(json.dumps({"body": f"You said: {text}"}).encode())


ThreadingHTTPServer(("127.0.0.1", 9999), Bot).serve_forever()

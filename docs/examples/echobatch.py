import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(line):
    stanza = line["stanza"]
    # Not errors, group chats, or the history of a room.
    isNew = stanza["type"] in ("chat", "normal") and "delay" not in stanza
    text = isNew and stanza.get("body")
    if not text:
        return {"id": line["id"], "status": 204}
    return {"id": line["id"], "reply": {"body": f"You said: {text}"}}


class Bot(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answers = [answer(json.loads(line)) for line in body.splitlines()]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for each in answers:
            self.wfile.write(json.dumps(each).encode() + b"\n")


ThreadingHTTPServer(("127.0.0.1", 9999), Bot).serve_forever()

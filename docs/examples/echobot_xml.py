from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree


class Bot(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        stanza = ElementTree.fromstring(self.rfile.read(length))
        # Not errors, group chats, or the history of a room.
        isDelayed = stanza.find("{urn:xmpp:delay}delay") is not None
        isNew = stanza.get("type") in ("chat", "normal", None) and not isDelayed
        text = stanza.findtext("body") if isNew else None
        self.send_response(200 if text else 204)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"You said: {text}".encode() if text else b"")


ThreadingHTTPServer(("127.0.0.1", 9999), Bot).serve_forever()

import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verify_python import is_genuine

FORGET = 40 * 86400


def done():
    database = sqlite3.connect("done.db")
    database.execute("CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, at REAL)")
    return database


def is_new(id, database):
    now = time.time()
    database.execute("DELETE FROM done WHERE at < ?", (now - FORGET,))
    row = database.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", (id, now))
    return row.rowcount == 1


class Callback(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        genuine = is_genuine(self.headers, body)
        if genuine:
            with done() as database:  # All of it, or, after an exception, nothing.
                if is_new(self.headers["webhook-id"], database):
                    print("genuine:", body)
        self.send_response(204 if genuine else 401)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9999), Callback).serve_forever()

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8080/rest/updates"
TOKEN = os.environ["XMPPREST_TOKEN"]


def call(method, path, value=None):
    """Make a request; return the status and the JSON of the response."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(URL + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=90) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if status >= 500:
        raise OSError(f"the gateway responds with {status}")
    return status, json.loads(text) if text else None


def reply_to(stanza):
    """Return the reply to a stanza as JSON; None for no reply."""
    # Not errors, group chats, or the history of a room.
    is_new = stanza["type"] in ("chat", "normal") and "delay" not in stanza
    text = is_new and stanza.get("body")
    return {"body": f"You said: {text}"} if text else None


def process(update):
    reply = reply_to(update["stanza"])
    if reply is not None:
        status, problem = call("POST", f"/{update['id']}", reply)
        # 404 and 409: it is settled already. So it was answered, or it expired.
        if status not in (204, 404, 409):
            print(f"Refused: {problem['detail']}", file=sys.stderr)


def main():
    after = ""
    while True:
        try:
            status, page = call("GET", f"?wait=50{after}")
            if status == 400 and after:
                after = ""  # Not a cursor of this gateway: begin with what there is.
                continue
            if status != 200:
                sys.exit(page["detail"])
            for update in page["updates"]:
                process(update)
            after = f"&after={page['cursor']}"
        except (OSError, http.client.HTTPException) as error:
            print(f"Trying again: {error}", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main()

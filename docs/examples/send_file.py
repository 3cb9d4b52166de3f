"""Sends a file: python send_file.py user@example.org photo.jpg [TEXT]"""

import mimetypes
import os
import sys

import requests

to, path, *text = sys.argv[1:]
with open(path, "rb") as file:
    response = requests.post(
        f"http://127.0.0.1:8080/rest/message/chat/{to}",
        headers={"Authorization": f"Bearer {os.environ['XMPPREST_TOKEN']}"},
        data={"body": " ".join(text)},
        files={"file": (os.path.basename(path), file, mimetypes.guess_type(path)[0])},
        timeout=600,
    )
answer = response.json()
if response.status_code != 202:
    sys.exit(answer["detail"])
for message in answer["messages"]:
    print(message["state"], message.get("file", {}).get("url", "text"))

from xml.etree import ElementTree

from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def receive():
    text = ElementTree.fromstring(request.data).findtext("body")
    if not text:
        return "", 204
    return f"You said: {text}", {"Content-Type": "text/plain; charset=utf-8"}


if __name__ == "__main__":
    app.run(port=9999)

from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def receive():
    text = request.get_json().get("body")
    if not text:
        return "", 204
    return {"body": f"You said: {text}"}


if __name__ == "__main__":
    app.run(port=9999)

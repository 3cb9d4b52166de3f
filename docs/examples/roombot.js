// A bot for group chats: answers messages that begin with its nick.

const http = require("node:http");

const NICK = "robot";

function answer(stanza) {
  if (stanza.kind === "meta") {
    console.log(stanza.event, stanza.room);
    return null;
  }
  const text = stanza.body || "";
  if (stanza.type !== "groupchat" || stanza.delay || !text.startsWith(`${NICK}:`)) {
    return null;
  }
  return { body: `You said:${text.slice(NICK.length + 1)}` };
}

http
  .createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const reply = request.method === "POST" ? answer(JSON.parse(body)) : null;
    if (reply) {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(reply));
    } else {
      response.writeHead(request.method === "POST" ? 204 : 405);
      response.end();
    }
  })
  .listen(9999, "127.0.0.1");

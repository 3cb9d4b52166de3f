const http = require("node:http");

const bot = http.createServer(async (request, response) => {
  let stanza = "";
  for await (const chunk of request.setEncoding("utf8")) stanza += chunk;
  const { type, body, delay } = JSON.parse(stanza || "{}");
  // Not errors, group chats, or the history of a room.
  const text = ["chat", "normal"].includes(type) && !delay && body;
  response.writeHead(text ? 200 : 204, { "Content-Type": "application/json" });
  response.end(text ? JSON.stringify({ body: `You said: ${text}` }) : "");
});

bot.listen(9999, "127.0.0.1");

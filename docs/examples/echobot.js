const http = require("node:http");

const bot = http.createServer(async (request, response) => {
  let stanza = "";
  for await (const chunk of request.setEncoding("utf8")) stanza += chunk;
  const text = JSON.parse(stanza || "{}").body;
  response.writeHead(text ? 200 : 204, { "Content-Type": "application/json" });
  response.end(text && JSON.stringify({ body: `You said: ${text}` }));
});

bot.listen(9999, "127.0.0.1");

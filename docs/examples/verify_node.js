const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");

const secrets = fs.readFileSync("signing-secret", "utf8").match(/^whsec_\S+/gm) || [];

function isGenuine(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"] || "";
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= 300)) return false;
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace("whsec_", ""), "base64");
    const hmac = crypto.createHmac("sha256", key);
    const digest = hmac.update(`${id}.${timestamp}.`).update(body).digest("base64");
    const expected = Buffer.from(`v1,${digest}`);
    return signatures.split(" ").some((signature) => {
      const given = Buffer.from(signature);
      return given.length === expected.length && crypto.timingSafeEqual(given, expected);
    });
  });
}

const callback = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const genuine = isGenuine(request.headers, body);
  if (genuine) console.log("genuine:", body.toString());
  response.writeHead(genuine ? 204 : 401).end();
});

callback.listen(9999, "127.0.0.1");

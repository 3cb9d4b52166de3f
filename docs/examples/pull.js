const url = "http://127.0.0.1:8080/rest/updates";
const headers = {
  Authorization: `Bearer ${process.env.XMPPREST_TOKEN}`,
  "Content-Type": "application/json",
};

// Make a request; return the status and the JSON of the response.
async function call(method, path, value) {
  const response = await fetch(url + path, {
    method,
    headers,
    body: value && JSON.stringify(value),
    signal: AbortSignal.timeout(90_000),
  });
  if (response.status >= 500) throw new Error(`the gateway responds with ${response.status}`);
  const text = await response.text();
  return [response.status, text ? JSON.parse(text) : null];
}

// Return the reply to a stanza as JSON; undefined for no reply.
function replyTo({ type, body, delay }) {
  // Not errors, group chats, or the history of a room.
  const text = ["chat", "normal"].includes(type) && !delay && body;
  return text ? { body: `You said: ${text}` } : undefined;
}

async function handle(update) {
  const reply = replyTo(update.stanza);
  if (!reply) return;
  const [status, problem] = await call("POST", `/${update.id}`, reply);
  // 404 and 409: it is settled already. So it was answered, or it expired.
  if (![204, 404, 409].includes(status)) console.error(`Refused: ${problem.detail}`);
}

async function main() {
  let after = "";
  for (;;) {
    try {
      const [status, page] = await call("GET", `?wait=50${after}`);
      if (status === 400 && after) {
        after = ""; // Not a cursor of this gateway: begin with what there is.
        continue;
      }
      if (status !== 200) {
        console.error(page.detail);
        process.exit(1);
      }
      for (const update of page.updates) await handle(update);
      after = `&after=${page.cursor}`;
    } catch (error) {
      console.error(`Trying again: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

main();

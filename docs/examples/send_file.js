// Sends a file: node send_file.js user@example.org photo.jpg [TEXT]
const { readFile } = require("node:fs/promises");
const { basename } = require("node:path");

async function main(to, path, ...text) {
  const form = new FormData();
  form.append("body", text.join(" "));
  // With its media type: clients show only what they know to be a picture.
  const file = new Blob([await readFile(path)], { type: "image/jpeg" });
  form.append("file", file, basename(path));
  const response = await fetch(`http://127.0.0.1:8080/rest/message/chat/${to}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.XMPPREST_TOKEN}` },
    body: form,
  });
  const answer = await response.json();
  if (response.status !== 202) throw new Error(answer.detail);
  for (const { state, file } of answer.messages) console.log(state, file?.url ?? "text");
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});

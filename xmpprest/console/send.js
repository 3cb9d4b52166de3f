// Sends a request and shows the response.

import { ask } from "./api.js";
import * as code from "./code.js";
import { byId, make, pairs } from "./dom.js";

/** The headers of a response that are shown. */
const SHOWN_HEADERS = [
  "Stanza-Id", "Location", "Content-Type", "Preference-Applied", "Retry-After", "Allow",
  "Accept",
];

/** The examples until those of the OpenAPI document are loaded. */
const DEFAULT_EXAMPLES = {
  "text/plain": { "a message, to a path": { path: "message/chat/", body: "Hello!" } },
};

export class Send {
  #examples = DEFAULT_EXAMPLES;

  /** @param lookUp Called with the address of a message's status. */
  constructor(lookUp) {
    this.lookUp = lookUp;
    byId("send-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    byId("send-body").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send();
    });
    byId("send-type").addEventListener("change", () => this.#listExamples());
    byId("send-example").addEventListener("change", () => this.#fill());
    byId("send-method").addEventListener("change", () => this.#showBody());
  }

  /** Load the examples of the OpenAPI document. */
  async load() {
    const response = await ask("openapi.json");
    if (!response.ok) return;
    const { paths } = await response.json();
    const { content } = paths["/"].post.requestBody;
    const whom = content["application/json"].examples.message?.value.to ?? "";
    this.#examples = {};
    for (const [type, { example, examples }] of Object.entries(content)) {
      const known = examples ?? { message: { value: example } };
      this.#examples[type] = Object.fromEntries(
        Object.entries(known).map(([name, { value }]) => [
          name,
          { path: "", body: written(type, value) },
        ]),
      );
    }
    this.#examples["text/plain"] = {
      "a message, to a path": { path: `message/chat/${whom}`, body: "Hello!" },
    };
    this.#listExamples();
  }

  #listExamples() {
    const names = Object.keys(this.#examples[byId("send-type").value] ?? {});
    byId("send-example").replaceChildren(...names.map((name) => make("option", {}, name)));
    this.#fill();
  }

  #fill() {
    const examples = this.#examples[byId("send-type").value] ?? {};
    const example = examples[byId("send-example").value];
    if (!example) return;
    byId("send-path").value = example.path;
    byId("send-body").value = example.body;
  }

  #showBody() {
    const isPost = byId("send-method").value === "POST";
    byId("send-body-field").hidden = !isPost;
    for (const id of ["send-type", "send-example"]) byId(id).parentElement.hidden = !isPost;
    if (isPost !== (byId("send-path").value === "")) byId("send-path").value = "";
  }

  async #send() {
    const button = byId("send-button");
    button.disabled = true;
    const began = performance.now();
    const method = byId("send-method").value;
    const type = byId("send-type").value;
    const accept = byId("send-accept").value;
    const options = { method, headers: {} };
    if (method === "POST") {
      options.headers["Content-Type"] = type;
      options.body = byId("send-body").value;
    }
    if (accept) options.headers.Accept = accept;
    byId("reply").hidden = false;
    byId("reply-status").textContent = "Waiting for the response…";
    try {
      const response = await ask(byId("send-path").value.trim(), options);
      this.#show(response, await response.text(), performance.now() - began);
    } catch (error) {
      this.#clear(error.message);
    }
    button.disabled = false;
    if (document.activeElement === document.body) button.focus();
  }

  #show(response, text, milliseconds) {
    const { status, statusText } = response;
    byId("reply-status").replaceChildren(
      make("strong", { data: { status: String(status)[0] } }, `${status} ${statusText}`),
      ` after ${milliseconds.toFixed(0)} ms`,
    );
    const names = SHOWN_HEADERS.filter((name) => response.headers.has(name));
    pairs(byId("reply-headers"), names.map((name) => [name, response.headers.get(name)]));
    const type = response.headers.get("Content-Type") ?? "";
    byId("reply-body").replaceChildren(...code.body(text, type));
    byId("reply-body").hidden = !text;
    const button = byId("reply-lookup");
    const location = response.headers.get("Location");
    button.hidden = !location;
    button.onclick = () => this.lookUp(location);
  }

  #clear(text) {
    byId("reply-status").textContent = text;
    byId("reply-headers").replaceChildren();
    byId("reply-body").hidden = true;
    byId("reply-lookup").hidden = true;
  }
}

/** Convert an example to a body. */
function written(type, value) {
  if (typeof value === "string") return value;
  if (type.includes("form")) return new URLSearchParams(value).toString();
  return JSON.stringify(value, null, 2);
}

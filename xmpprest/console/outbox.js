// Lists the queued messages, drops them, and shows the delivery status of a message.

import { json } from "./api.js";
import * as code from "./code.js";
import { announce, byId, cell, make, pairs, problem, time } from "./dom.js";

const STATES = {
  queued: "stored, not sent yet",
  sent: "written to the XMPP server",
  confirmed: "taken by the XMPP server",
  bounced: "an error came back",
  dropped: "an operator has deleted it before it was sent",
};
const PAGE_SIZE = 20;

/** Matches the address of a status, as in the header Location; it ends with the key. */
const ADDRESS = /\/outbox\/([^/?#]+)$/;

export class Outbox {
  #next = null;

  constructor() {
    byId("outbox-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(byId("outbox-id").value.trim());
    });
    byId("outbox-refresh").addEventListener("click", () => this.load());
    byId("outbox-more").addEventListener("click", () => this.#more());
  }

  /** List the first queued messages. */
  async load() {
    await this.#list(`outbox?limit=${PAGE_SIZE}`, (rows) =>
      byId("outbox-body").replaceChildren(...rows),
    );
  }

  async #more() {
    await this.#list(this.#next, (rows) => byId("outbox-body").append(...rows));
  }

  async #list(path, place) {
    try {
      const { messages, next } = await json(path);
      place(messages.map((each) => this.#row(each)));
      // `next` is a path from the root. Requests are relative to this page.
      this.#next = next && `outbox${new URL(next, document.baseURI).search}`;
      problem("outbox-list-problem");
    } catch (error) {
      place([]);
      this.#next = null;
      problem("outbox-list-problem", error.message);
    }
    const isEmpty = !byId("outbox-body").rows.length;
    byId("outbox-table").hidden = isEmpty;
    byId("outbox-empty").hidden = !isEmpty || byId("outbox-list-problem").textContent !== "";
    byId("outbox-more").hidden = !this.#next;
  }

  #row(message) {
    const { to, from, accepted_at: acceptedAt, location } = message;
    const whose = `the message to ${to}`;
    const look = make("button", { type: "button", aria: { label: `Status of ${whose}` } }, "Status");
    look.addEventListener("click", () => this.show(location));
    const drop = make("button", { type: "button", aria: { label: `Drop ${whose}` } }, "Drop");
    drop.addEventListener("click", () => this.#drop(drop, message));
    return make(
      "tr",
      { role: "row" },
      cell("Accepted", time(acceptedAt)),
      cell("From", from ?? "–"),
      cell("To", to ?? "–"),
      cell("Actions", make("div", { className: "buttons" }, look, drop)),
    );
  }

  async #drop(button, { to, location }) {
    button.disabled = true;
    let failure = "";
    try {
      await json(pathOf(location), { method: "DELETE" });
      announce(`The message to ${to} was dropped.`);
    } catch (error) {
      failure = error.message;
    }
    await this.load();
    if (failure) problem("outbox-list-problem", failure);
    byId("outbox-refresh").focus();
  }

  /**
   * Look up a message.
   * @param text The address of its status, or its stanza id.
   */
  async show(text) {
    byId("outbox-id").value = text;
    const result = byId("outbox-result");
    try {
      result.replaceChildren(...described(await found(text)));
      problem("outbox-problem");
    } catch (error) {
      result.replaceChildren();
      problem("outbox-problem", error.message);
    }
    byId("outbox-form").scrollIntoView({ block: "nearest" });
  }
}

/** Return the path below `/rest` of a status; of an address, or with a key alone. */
function pathOf(text) {
  const key = ADDRESS.exec(text)?.[1];
  return `outbox/${key ?? encodeURIComponent(text)}`;
}

/** Get a message by the address of its status, or else the newest with a stanza id. */
async function found(text) {
  if (!ADDRESS.test(text)) {
    const query = new URLSearchParams({ id: text, limit: 1 });
    const [message] = (await json(`outbox?${query}`)).messages;
    if (message) return message;
  }
  // The text may be a key. If it is none, the refusal says why there is no message.
  return json(pathOf(text));
}

function described(message) {
  const list = make("dl", { className: "pairs" });
  const state = make("strong", { data: { state: message.state } }, message.state);
  pairs(list, [
    ["State", make("span", {}, state, `, ${STATES[message.state] ?? ""}`)],
    ["To", message.to],
    ["Accepted", time(message.accepted_at)],
    ["Changed", time(message.changed_at)],
  ]);
  const forms = [
    ["The message", message.xml],
    ["The error", message.error_xml],
  ];
  return [list, ...forms.filter(([, xml]) => xml).map(([name, xml]) => form(name, xml))];
}

function form(name, xml) {
  const shown = make("pre", { tabIndex: 0, role: "group", aria: { label: name } });
  shown.append(...code.xml(xml));
  return shown;
}

// Shows the bots and their contacts, and approves or cancels contacts.

import { json } from "./api.js";
import { announce, byId, cell, make, pairs, problem } from "./dom.js";

/** The number of contacts that are shown; those with a pending request come first. */
const SHOWN = 100;

const SUBSCRIPTIONS = {
  none: "none",
  from: "sees the bot",
  to: "is seen by the bot",
  both: "both see each other",
};
const PENDING = { in: "asks to see the bot", out: "is asked by the bot" };

export class Bots {
  #bots = [];

  constructor() {
    byId("bots-refresh").addEventListener("click", () => this.load());
    byId("bots-name").addEventListener("change", () => this.#showContacts());
  }

  get #bot() {
    return this.#bots.find(({ jid }) => jid === byId("bots-name").value);
  }

  /** Load the bots, and the contacts of the selected one. */
  async load() {
    try {
      this.#bots = await json("bots");
      problem("bots-problem");
    } catch (error) {
      this.#bots = [];
      problem("bots-problem", error.message);
    }
    const before = byId("bots-name").value;
    byId("bots-name").replaceChildren(
      ...this.#bots.map(({ jid }) => make("option", { selected: jid === before }, jid)),
    );
    const isEmpty = this.#bots.length === 0;
    byId("bots-choice").hidden = byId("bots-profile").hidden = isEmpty;
    byId("bots-empty").hidden = !isEmpty || byId("bots-problem").textContent !== "";
    await this.#showContacts();
  }

  async #showContacts() {
    const bot = this.#bot;
    byId("bots-contacts").hidden = true;
    byId("bots-note").textContent = "";
    if (!bot) return;
    pairs(byId("bots-profile"), [
      ["Name", bot.name],
      ["Presence", [bot.show ?? "available", bot.status].filter(Boolean).join(", ")],
      ["Requests", bot.subscriptions],
    ]);
    try {
      this.#fill(await json(`bots/${encodeURIComponent(bot.jid)}/contacts`));
    } catch (error) {
      problem("bots-problem", error.message);
    }
  }

  #fill(contacts) {
    const first = contacts.filter(({ pending }) => pending.includes("in"));
    const rest = contacts.filter(({ pending }) => !pending.includes("in"));
    const shown = [...first, ...rest].slice(0, SHOWN);
    byId("bots-body").replaceChildren(...shown.map((each) => this.#row(each)));
    byId("bots-contacts").hidden = shown.length === 0;
    byId("bots-note").textContent =
      contacts.length > SHOWN
        ? `${SHOWN} of ${contacts.length} contacts.`
        : `${contacts.length} contacts.`;
  }

  #row(contact) {
    const state = [
      SUBSCRIPTIONS[contact.subscription],
      ...contact.pending.map((each) => PENDING[each]),
    ];
    const devices = contact.resources.map(({ resource, show }) =>
      show ? `${resource} (${show})` : resource,
    );
    const cancel = this.#button("Cancel", "DELETE", contact);
    const buttons = contact.pending.includes("in")
      ? [this.#button("Approve", "PUT", contact), cancel]
      : [cancel];
    return make(
      "tr",
      { role: "row" },
      cell("Contact", contact.name ? `${contact.name}, ${contact.jid}` : contact.jid),
      cell("Subscription", state.join(", ")),
      cell("Online", devices.join(", ") || "–"),
      cell("Actions", make("div", { className: "buttons" }, ...buttons)),
    );
  }

  #button(text, method, { jid }) {
    const label = `${text} ${jid}`;
    const button = make("button", { type: "button", aria: { label } }, text);
    button.addEventListener("click", () => this.#change(method, jid, label));
    return button;
  }

  async #change(method, contact, label) {
    const path = [this.#bot.jid, "contacts", contact].map(encodeURIComponent).join("/");
    try {
      await json(`bots/${path}`, { method });
      problem("bots-problem");
      await this.#showContacts();
      announce(`Done: ${label}.`);
      byId("bots-refresh").focus();
    } catch (error) {
      problem("bots-problem", error.message);
    }
  }
}

// The stanzas that wait for a callback, and the dead letters.

import { json } from "./api.js";
import * as code from "./code.js";
import { announce, byId, cell, make, problem, time } from "./dom.js";

const CAPTIONS = {
  dead: "Dead letters, the newest first",
  pending: "Stanzas that wait for the callback, the newest first",
  delivered: "Delivered stanzas, the newest first",
};
const EMPTY = {
  dead: "No dead letters.",
  pending: "No waiting stanzas.",
  delivered: "No delivered stanzas.",
};
/** What is not obvious about rows, each with a test of a row. */
const NOTES = [
  [
    ({ dataset }) => dataset.state === "pending" && dataset.attempts === "0",
    "A stanza with 0 attempts waits behind an earlier one of its conversation, or until the" +
      " callback responds.",
  ],
  [
    ({ dataset }) => dataset.kind === "meta",
    "The kind meta is a notice of the gateway itself, such as of a bot that joined a room.",
  ],
];
const PAGE_SIZE = 20;

export class Queues {
  #next = null;

  constructor() {
    byId("letters-refresh").addEventListener("click", () => this.load());
    byId("letters-state").addEventListener("change", () => this.load());
    byId("letters-more").addEventListener("click", () => this.#more());
    byId("letters-all").addEventListener("click", () => this.#redeliverAll());
  }

  get #state() {
    return byId("letters-state").value;
  }

  /** Show the dead letters; without any, the stanzas that wait. */
  async start() {
    await this.load();
    if (this.#state !== "dead" || byId("letters-empty").hidden) return;
    byId("letters-state").value = "pending";
    await this.load();
  }

  /** Show the newest stanzas. */
  async load() {
    byId("letters-caption").textContent = CAPTIONS[this.#state];
    await this.#show(`inbox?state=${this.#state}&limit=${PAGE_SIZE}`, (rows) =>
      byId("letters-body").replaceChildren(...rows),
    );
  }

  async #more() {
    await this.#show(this.#next, (rows) => byId("letters-body").append(...rows));
  }

  async #show(path, place) {
    try {
      const { stanzas, next } = await json(path);
      place(stanzas.flatMap((each) => this.#rows(each)));
      // `next` is a path from the root. Requests are relative to this page.
      this.#next = next && `inbox${new URL(next, document.baseURI).search}`;
      problem("letters-problem");
    } catch (error) {
      place([]);
      this.#next = null;
      problem("letters-problem", error.message);
    }
    this.#finishLoading();
  }

  #finishLoading() {
    const { rows } = byId("letters-body");
    const isEmpty = !rows.length;
    byId("letters").hidden = isEmpty;
    byId("letters-empty").textContent = EMPTY[this.#state];
    const notes = NOTES.filter(([applies]) => [...rows].some(applies));
    byId("letters-note").textContent = notes.map(([, text]) => text).join(" ");
    byId("letters-empty").hidden = !isEmpty || byId("letters-problem").textContent !== "";
    byId("letters-more").hidden = !this.#next;
    byId("letters-all").hidden = isEmpty || this.#state !== "dead";
  }

  #rows(letter) {
    const details = make("td", { role: "cell", colSpan: 6 });
    const below = make("tr", { role: "row", className: "below", hidden: true }, details);
    const look = make("button", { type: "button", aria: { expanded: "false" } }, "Attempts");
    look.addEventListener("click", async () => {
      below.hidden = !below.hidden;
      look.setAttribute("aria-expanded", String(!below.hidden));
      if (!below.hidden) details.replaceChildren(...(await attempts(letter.id)));
    });
    const actions = [look];
    if (letter.state === "dead") {
      const again = make("button", { type: "button" }, "Redeliver");
      again.addEventListener("click", () => this.#redeliver([letter.id]));
      actions.push(again);
    }
    const { id, kind, state } = letter;
    const data = { id, kind, state, attempts: letter.attempts };
    const row = make(
      "tr",
      { role: "row", data },
      cell("Received", time(letter.received_at)),
      cell("Kind", letter.kind ?? "–"),
      cell("From", letter.from ?? "–"),
      cell("To", letter.to ?? "–"),
      cell("Attempts", String(letter.attempts)),
      cell("Actions", make("div", { className: "buttons" }, ...actions)),
    );
    return [row, below];
  }

  #redeliverAll() {
    const rows = [...document.querySelectorAll("#letters-body [data-id]")];
    return this.#redeliver(rows.map((each) => each.dataset.id));
  }

  async #redeliver(ids) {
    try {
      const { redelivered } = await json("inbox/redeliver", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ids }),
      });
      await this.load();
      announce(`${redelivered} of ${ids.length} will be delivered again.`);
      byId("letters-refresh").focus();
    } catch (error) {
      problem("letters-problem", error.message);
    }
  }
}

/** Make the details of a stanza: every attempt, and its content while it is stored. */
async function attempts(id) {
  let whole;
  try {
    whole = await json(`inbox/${encodeURIComponent(id)}`);
  } catch (error) {
    return [make("p", { className: "problem", role: "alert" }, error.message)];
  }
  const attempts = whole.attempts.map(({ at, status, error }) =>
    make(
      "li",
      {},
      time(at),
      " ",
      make("strong", {}, status === null ? "no response" : String(status)),
      error ? ` ${error}` : "",
    ),
  );
  const shown = [
    make("p", { className: "note" }, "webhook-id ", make("code", {}, id)),
    attempts.length
      ? make("ol", { className: "attempts" }, ...attempts)
      : make("p", { className: "note" }, "There was no attempt yet."),
  ];
  if (whole.xml) shown.push(forms(whole));
  return shown;
}

function forms({ xml, stanza }) {
  const form = (name, nodes) => {
    const shown = make("pre", { tabIndex: 0, role: "group", aria: { label: name } }, ...nodes);
    return make("div", {}, make("h3", {}, name), shown);
  };
  return make(
    "div",
    { className: "forms" },
    form("XML", code.xml(xml)),
    form("JSON", stanza ? code.json(stanza) : ["The stanza cannot be read."]),
  );
}

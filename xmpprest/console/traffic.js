// The live list of stanzas.

import * as code from "./code.js";
import { announce, byId, cell, make, problem, time } from "./dom.js";

/** The number of stanzas in the list, and of stanzas that wait while it is paused. */
const MAX_ROWS = 300;

const DIRECTIONS = {
  out: { arrow: "→", word: "out", title: "written to the XMPP server" },
  in: { arrow: "←", word: "in", title: "received from the XMPP server" },
};

export class Traffic {
  #body = byId("rows-body");
  #waiting = [];
  #isPaused = false;
  #isDrawing = false;
  #kinds = [];
  #address = "";

  /** @param onFilter Called with the query for the events when the filter changes. */
  constructor(onFilter) {
    this.onFilter = onFilter;
    byId("pause").addEventListener("click", () => this.#pause(!this.#isPaused));
    byId("clear").addEventListener("click", () => this.#clear());
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#filter();
    });
    byId("filter").addEventListener("change", (event) => {
      if (event.target.name === "kind") this.#filter();
    });
    this.#body.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Add a stanza. */
  add(stanza) {
    this.#enqueue({ stanza });
  }

  /** Show that a callback's reply was not sent. */
  complain({ callback, from, reason }) {
    this.#enqueue({
      text: `The reply of the callback ${callback} to ${from} was not sent: ${reason}`,
    });
  }

  /** Show that stanzas are missing. */
  lost({ reason }) {
    const why = {
      slow: "this browser was too slow",
      old: "the connection was interrupted for too long",
      unknown: "the gateway was restarted",
    };
    this.#enqueue({ text: `Stanzas are missing here: ${why[reason] ?? reason}.` });
  }

  #enqueue(entry) {
    this.#waiting.push(entry);
    if (this.#waiting.length > MAX_ROWS) this.#waiting.shift();
    if (this.#isPaused) this.#showPaused();
    else this.#scheduleDraw();
  }

  /** Draw new stanzas with the next frame; hidden pages have no frames. */
  #scheduleDraw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      if (!this.#isPaused) this.#draw();
    });
  }

  #draw() {
    const rows = this.#waiting.splice(0).filter((each) => this.#matches(each)).map(row);
    if (!rows.length) return;
    const scroll = byId("rows-scroll");
    const before = scroll.scrollHeight;
    this.#body.prepend(...rows.reverse());
    while (this.#body.rows.length > MAX_ROWS) {
      // Do not remove a row that the pointer is about to select.
      if (this.#body.lastChild.contains(document.activeElement)) break;
      this.#body.lastChild.remove();
    }
    // Keep the scroll position, so that a reader still sees the same stanzas.
    if (scroll.scrollTop > 0) scroll.scrollTop += scroll.scrollHeight - before;
    this.#makeReachable();
    byId("rows-empty").hidden = true;
  }

  #pause(isPaused) {
    this.#isPaused = isPaused;
    const button = byId("pause");
    button.dataset.paused = String(isPaused);
    if (isPaused) this.#showPaused();
    else {
      button.textContent = "Pause";
      this.#scheduleDraw();
    }
    announce(isPaused ? "The list is paused." : "The list continues.");
  }

  #showPaused() {
    byId("pause").textContent = this.#waiting.length
      ? `Continue (${this.#waiting.length}${this.#waiting.length < MAX_ROWS ? "" : "+"} new)`
      : "Continue";
  }

  #clear() {
    this.#waiting = [];
    this.#body.replaceChildren();
    byId("rows-empty").hidden = false;
    if (this.#isPaused) this.#showPaused();
  }

  // --- filter ---

  #filter() {
    const kinds = [...document.querySelectorAll("#filter [name=kind]")];
    const chosen = kinds.filter((each) => each.checked).map((each) => each.value);
    this.#address = byId("filter-jid").value.trim();
    problem("filter-problem", chosen.length ? "" : "Choose at least one kind.");
    if (!chosen.length) return;
    this.#kinds = chosen.length < kinds.length ? chosen : [];
    const query = new URLSearchParams();
    if (this.#kinds.length) query.set("kind", this.#kinds.join(","));
    if (this.#address) query.set("jid", this.#address);
    for (const each of [...this.#body.rows]) {
      if (!this.#matches({ stanza: each.stanza })) each.remove();
    }
    this.#makeReachable();
    byId("rows-empty").hidden = this.#body.rows.length > 0;
    this.onFilter(query.size ? `?${query}` : "");
  }

  /** Filter the stanzas that arrived before the gateway got the filter. */
  #matches({ stanza }) {
    if (!stanza) return true;
    if (this.#kinds.length && !this.#kinds.includes(stanza.kind)) return false;
    const address = this.#address.toLowerCase();
    return !address || [stanza.from, stanza.to].some((end) => isAt(end.toLowerCase(), address));
  }

  // --- keyboard ---

  /** Let Tab reach one row only; the arrow keys move from there. */
  #makeReachable(to = null) {
    const buttons = [...this.#body.querySelectorAll("button")];
    const current = to ?? buttons.find((each) => each.tabIndex === 0) ?? buttons[0];
    for (const each of buttons) each.tabIndex = each === current ? 0 : -1;
    return buttons;
  }

  #move(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const buttons = [...this.#body.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement) + step;
    const next = buttons[Math.min(Math.max(at, 0), buttons.length - 1)];
    this.#makeReachable(next);
    next?.focus();
  }
}

/** Match an address as the gateway does: a domain, a bare or a full address. */
function isAt(end, address) {
  const bare = end.split("/")[0];
  const [wanted, resource] = [address.split("/")[0], address.includes("/")];
  if (resource) return end === address;
  return bare === wanted || (!wanted.includes("@") && bare.split("@").at(-1) === wanted);
}

function row({ stanza, text }) {
  if (!stanza) {
    const gap = make("td", { role: "cell", colSpan: 6 }, text);
    return make("tr", { role: "row", className: "gap" }, gap);
  }
  const { arrow, word, title } = DIRECTIONS[stanza.direction];
  const show = make("button", { type: "button", tabIndex: -1 }, time(stanza.time));
  const line = make(
    "tr",
    { role: "row", data: { direction: stanza.direction } },
    cell("Time", show),
    cell("Direction", make("span", { className: "direction", title }, `${arrow} ${word}`)),
    cell("Kind", label(stanza)),
    cell("From", stanza.from || "–"),
    cell("To", stanza.to || "–"),
    cell("Content", content(stanza)),
  );
  line.stanza = stanza;
  const open = () => select(line);
  show.addEventListener("click", (event) => {
    event.stopPropagation();
    open();
  });
  line.addEventListener("click", open);
  return line;
}

/** The kind of a stanza, and its type if that says more. */
function label({ kind, json }) {
  const type = json?.type;
  const isPlain = !type || ["normal", "available"].includes(type);
  return isPlain ? kind : `${kind} · ${type}`;
}

/** The keys that every stanza can have. */
const COMMON_KEYS = ["kind", "type", "from", "to", "id", "lang", "origin_id"];

/** The content in a few words: the text of a message, or the names of its keys. */
function content({ json, size }) {
  if (!json) return `${size} characters`;
  if (json.body) return json.body;
  return Object.keys(json).filter((key) => !COMMON_KEYS.includes(key)).join(", ") || "–";
}

function select(line) {
  document.querySelector("#rows-body [aria-current]")?.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  const { stanza } = line;
  const direction = DIRECTIONS[stanza.direction];
  byId("stanza-title").textContent = `${direction.arrow} ${label(stanza)}`;
  byId("stanza-note").replaceChildren(
    time(stanza.time),
    `, ${direction.title}, from ${stanza.from || "an unknown address"} to ${stanza.to || "an unknown address"},`,
    ` ${stanza.size} characters`,
  );
  byId("stanza-forms").hidden = false;
  byId("stanza-xml").replaceChildren(
    ...(stanza.xml === undefined ? ["The stanza is too large to show."] : code.xml(stanza.xml)),
  );
  byId("stanza-json").replaceChildren(...inJson(stanza));
  byId("stanza").scrollIntoView({ block: "nearest" });
  announce(`${label(stanza)} from ${stanza.from || "an unknown address"} is shown.`);
}

function inJson(stanza) {
  if (stanza.json === undefined) return ["The stanza is too large to show."];
  return stanza.json === null ? ["The stanza cannot be read."] : code.json(stanza.json);
}

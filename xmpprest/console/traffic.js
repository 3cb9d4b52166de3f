// The stanzas, as they pass.

import * as code from "./code.js";
import { announce, byId, cell, make, problem, time } from "./dom.js";

/** How many stanzas the list holds; and how many wait while it is paused. */
const ROWS = 300;

const WAYS = {
  out: { arrow: "→", word: "out", title: "written to the XMPP server" },
  in: { arrow: "←", word: "in", title: "come from the XMPP server" },
};

export class Traffic {
  #body = byId("rows-body");
  #waiting = [];
  #isPaused = false;
  #isDrawing = false;
  #kinds = [];
  #address = "";

  /** @param filtered Takes the query for the events. */
  constructor(filtered) {
    this.filtered = filtered;
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

  /** A stanza has passed. */
  add(stanza) {
    this.#later({ stanza });
  }

  /** Some have not been seen. */
  lost({ reason }) {
    const why = {
      slow: "they were not read as fast as they came",
      old: "the connection was interrupted for too long",
      unknown: "the gateway was started again",
    };
    this.#later({ text: `Stanzas are missing here: ${why[reason] ?? reason}.` });
  }

  #later(entry) {
    this.#waiting.push(entry);
    if (this.#waiting.length > ROWS) this.#waiting.shift();
    if (this.#isPaused) this.#tellPaused();
    else this.#drawSoon();
  }

  /** Whatever has come, with the next frame, and so not while nobody can see it. */
  #drawSoon() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      if (!this.#isPaused) this.#draw();
    });
  }

  #draw() {
    const rows = this.#waiting.splice(0).filter((each) => this.#isWanted(each)).map(row);
    if (!rows.length) return;
    const scroll = byId("rows-scroll");
    const before = scroll.scrollHeight;
    this.#body.prepend(...rows.reverse());
    while (this.#body.rows.length > ROWS) {
      // Not under the finger of whoever is about to choose one.
      if (this.#body.lastChild.contains(document.activeElement)) break;
      this.#body.lastChild.remove();
    }
    // Who has scrolled down to look at something still sees it.
    if (scroll.scrollTop > 0) scroll.scrollTop += scroll.scrollHeight - before;
    this.#rove();
    byId("rows-empty").hidden = true;
  }

  #pause(isPaused) {
    this.#isPaused = isPaused;
    const button = byId("pause");
    button.dataset.paused = String(isPaused);
    if (isPaused) this.#tellPaused();
    else {
      button.textContent = "Pause";
      this.#drawSoon();
    }
    announce(isPaused ? "The list is paused." : "The list goes on.");
  }

  #tellPaused() {
    byId("pause").textContent = this.#waiting.length
      ? `Go on (${this.#waiting.length}${this.#waiting.length < ROWS ? "" : "+"} new)`
      : "Go on";
  }

  #clear() {
    this.#waiting = [];
    this.#body.replaceChildren();
    byId("rows-empty").hidden = false;
    if (this.#isPaused) this.#tellPaused();
  }

  // --- which ---

  #filter() {
    const kinds = [...document.querySelectorAll("#filter [name=kind]")];
    const chosen = kinds.filter((each) => each.checked).map((each) => each.value);
    this.#address = byId("filter-jid").value.trim();
    problem("filter-problem", chosen.length ? "" : "Choose one kind at least.");
    if (!chosen.length) return;
    this.#kinds = chosen.length < kinds.length ? chosen : [];
    const query = new URLSearchParams();
    if (this.#kinds.length) query.set("kind", this.#kinds.join(","));
    if (this.#address) query.set("jid", this.#address);
    for (const each of [...this.#body.rows]) {
      if (!this.#isWanted({ stanza: each.stanza })) each.remove();
    }
    this.#rove();
    byId("rows-empty").hidden = this.#body.rows.length > 0;
    this.filtered(query.size ? `?${query}` : "");
  }

  /** What was here before the gateway was told which; it decides about all others. */
  #isWanted({ stanza }) {
    if (!stanza) return true;
    if (this.#kinds.length && !this.#kinds.includes(stanza.kind)) return false;
    const address = this.#address.toLowerCase();
    return !address || [stanza.from, stanza.to].some((end) => isAt(end.toLowerCase(), address));
  }

  // --- by keyboard ---

  /** One row can be reached with Tab, the others from it with the arrow keys. */
  #rove(to = null) {
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
    this.#rove(next);
    next?.focus();
  }
}

/** As the gateway compares: all that is at a domain, or at any resource. */
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
  const way = WAYS[stanza.direction];
  const show = make("button", { type: "button", tabIndex: -1 }, time(stanza.time));
  const line = make(
    "tr",
    { role: "row", data: { way: stanza.direction } },
    cell("Time", show),
    cell("Way", make("span", { className: "way", title: way.title }, `${way.arrow} ${way.word}`)),
    cell("Kind", label(stanza)),
    cell("From", stanza.from || "–"),
    cell("To", stanza.to || "–"),
    cell("Holds", content(stanza)),
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

/** Its kind, and its type where that says more. */
function label({ kind, json }) {
  const type = json?.type;
  const isPlain = !type || ["normal", "available"].includes(type);
  return isPlain ? kind : `${kind} · ${type}`;
}

/** What every stanza may say of itself. */
const HEAD = ["kind", "type", "from", "to", "id", "lang", "origin_id"];

/** What it holds, in a few words: the text of a message, or what else there is. */
function content({ json, size }) {
  if (!json) return `${size} characters`;
  if (json.body) return json.body;
  return Object.keys(json).filter((key) => !HEAD.includes(key)).join(", ") || "–";
}

function select(line) {
  document.querySelector("#rows-body [aria-current]")?.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  const { stanza } = line;
  const way = WAYS[stanza.direction];
  byId("stanza-title").textContent = `${way.arrow} ${label(stanza)}`;
  byId("stanza-note").replaceChildren(
    time(stanza.time),
    `, ${way.title}, from ${stanza.from || "nobody"} to ${stanza.to || "nobody"},`,
    ` ${stanza.size} characters`,
  );
  byId("stanza-forms").hidden = false;
  byId("stanza-xml").replaceChildren(
    ...(stanza.xml === undefined ? ["It is too large to be shown."] : code.xml(stanza.xml)),
  );
  byId("stanza-json").replaceChildren(...inJson(stanza));
  byId("stanza").scrollIntoView({ block: "nearest" });
  announce(`${label(stanza)} from ${stanza.from || "nobody"} is shown.`);
}

function inJson(stanza) {
  if (stanza.json === undefined) return ["It is too large to be shown."];
  return stanza.json === null ? ["It cannot be read."] : code.json(stanza.json);
}

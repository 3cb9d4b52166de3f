// Shows the updates that wait for clients, and whether the clients are there.

import { json } from "./api.js";
import { byId, cell, make, problem, time } from "./dom.js";

const INTERVAL_MS = 15_000;

/** Units of a duration, in seconds. */
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export class Updates {
  #timer = null;

  constructor() {
    byId("updates-refresh").addEventListener("click", () => this.load());
  }

  /** Show the callbacks now, and every 15 seconds while the page is seen. */
  async load() {
    clearTimeout(this.#timer);
    let isWorthwhile = true;
    try {
      if (!document.hidden) isWorthwhile = this.#show((await json("updates/status")).callbacks);
      problem("updates-problem");
    } catch (error) {
      isWorthwhile = this.#show([]);
      // Without a store there are no updates.
      problem("updates-problem", error.status === 404 ? "" : error.message);
    }
    if (isWorthwhile) this.#timer = setTimeout(() => this.load(), INTERVAL_MS);
  }

  /** Show the callbacks; return whether there are any. */
  #show(callbacks) {
    byId("updates-body").replaceChildren(...callbacks.map((each) => this.#row(each)));
    byId("updates-table").hidden = callbacks.length === 0;
    byId("updates-empty").hidden = callbacks.length > 0;
    return callbacks.length > 0;
  }

  #row({ callback, waiting, oldest_at: oldest, reader, seen_at: seen }) {
    const client = make("strong", {}, reader ? "connected" : "away");
    const since = seen
      ? [", last there at ", time(seen), ` (${age(seen)} ago)`]
      : [", not there since the gateway started"];
    return make(
      "tr",
      { role: "row", data: { callback } },
      cell("Callback", callback),
      cell("Waiting", `${waiting}`),
      cell("Oldest", ...(oldest ? [`for ${age(oldest)}, since `, time(oldest)] : ["–"])),
      cell("Client", client, ...(reader ? [] : since)),
    );
  }
}

/** Return the time since a time of the API, in its largest unit. */
function age(text) {
  const seconds = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

// Lists the rooms of the bots, lets bots join again, and lets them leave.

import { json } from "./api.js";
import { announce, byId, cell, make, problem, time } from "./dom.js";

/** The number of rooms that are shown; those without their bot come first. */
const SHOWN = 100;

/** The states of a bot that is out of its room. */
const OUT = ["removed", "waiting"];

export class Rooms {
  constructor() {
    byId("rooms-refresh").addEventListener("click", () => this.load());
  }

  /** Load the list. */
  async load() {
    try {
      this.#show(await json("rooms"));
      problem("rooms-problem");
    } catch (error) {
      this.#show([]);
      byId("rooms-empty").hidden = true;
      problem("rooms-problem", error.message);
    }
  }

  #show(rooms) {
    const first = rooms.filter(({ state }) => OUT.includes(state));
    const rest = rooms.filter(({ state }) => !OUT.includes(state));
    const shown = [...first, ...rest].slice(0, SHOWN);
    byId("rooms-body").replaceChildren(...shown.map((each) => this.#row(each)));
    byId("rooms-table").hidden = shown.length === 0;
    byId("rooms-empty").hidden = shown.length > 0;
    byId("rooms-note").textContent =
      rooms.length > SHOWN ? `${SHOWN} of ${rooms.length} rooms.` : "";
  }

  #row(room) {
    const actor = room.state === "removed" && room.actor && `by ${room.actor}`;
    const words = [room.condition, room.reason, actor];
    const leave = this.#button("Leave", room, (path) =>
      json(`${path}?from=${encodeURIComponent(room.from)}`, { method: "DELETE" }),
    );
    const join = this.#button("Join again", room, (path) =>
      json(path, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        // The full address, or the bot would enter from another one.
        body: JSON.stringify({ from: room.occupant }),
      }),
    );
    const buttons = OUT.includes(room.state) ? [join, leave] : [leave];
    return make(
      "tr",
      { role: "row" },
      cell("Room", room.room),
      cell("Bot", `${room.from}, as ${room.nick}`),
      cell("State", make("strong", {}, room.state), " since ", time(room.since)),
      cell("Reason", words.filter(Boolean).join(", ") || "–"),
      cell("Occupants", `${room.occupants}`),
      cell("Next try", room.nextTryAt ? time(room.nextTryAt) : "–"),
      cell("Actions", make("div", { className: "buttons" }, ...buttons)),
    );
  }

  #button(text, { room, from }, change) {
    const label = `${text} ${room} with ${from}`;
    const button = make("button", { type: "button", aria: { label } }, text);
    button.addEventListener("click", async () => {
      button.disabled = true;
      let failure = "";
      try {
        await change(`rooms/${encodeURIComponent(room)}`);
        announce(`Done: ${label}.`);
      } catch (error) {
        failure = error.message;
      }
      await this.load();
      if (failure) problem("rooms-problem", failure);
      byId("rooms-refresh").focus();
    });
    return button;
  }
}

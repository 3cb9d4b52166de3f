// Lists the hooks with their last messages, and tries a payload.

import { json } from "./api.js";
import { byId, cell, make, pairs, problem, time } from "./dom.js";

export class Hooks {
  /** @param lookUp Called with the Stanza-Id of a message to look up. */
  constructor(lookUp) {
    this.lookUp = lookUp;
    byId("hooks-refresh").addEventListener("click", () => this.load());
    byId("hooks-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try();
    });
  }

  /** Load the list. */
  async load() {
    try {
      this.#show((await json("hooks")).hooks);
      problem("hooks-problem");
    } catch (error) {
      this.#show([]);
      problem("hooks-problem", error.message);
    }
  }

  #show(hooks) {
    byId("hooks-body").replaceChildren(...hooks.flatMap((hook) => this.#rows(hook)));
    byId("hooks-table").hidden = byId("hooks-form").hidden = hooks.length === 0;
    byId("hooks-empty").hidden = hooks.length > 0;
    const chosen = byId("hooks-name").value;
    byId("hooks-name").replaceChildren(
      ...hooks.map(({ name }) => make("option", { selected: name === chosen }, name)),
    );
  }

  #rows(hook) {
    const counts = `${hook.name}: ${hook.accepted} accepted, ${hook.refused} refused`;
    if (!hook.messages.length) {
      const none = [cell("Accepted", "no message"), cell("To", hook.to.join(", "))];
      const others = [cell("State", "–"), cell("Actions", "")];
      return [make("tr", { role: "row" }, cell("Hook", counts), ...none, ...others)];
    }
    return hook.messages.map((message, index) => {
      const button = make("button", { type: "button" }, "Show its status");
      button.addEventListener("click", () => this.lookUp(message.id));
      return make(
        "tr",
        { role: "row" },
        cell("Hook", index ? hook.name : counts),
        cell("Accepted", time(message.accepted_at)),
        cell("To", message.to),
        cell("State", make("strong", { data: { state: message.state } }, message.state)),
        cell("Actions", make("div", { className: "buttons" }, button)),
      );
    });
  }

  async #try() {
    const payload = byId("hooks-payload").value;
    const type = isJSON(payload) ? "application/json" : "text/plain";
    const headers = { "Content-Type": type };
    const [name, ...rest] = byId("hooks-header").value.split(":");
    if (rest.length) headers[name.trim()] = rest.join(":").trim();
    const result = byId("hooks-result");
    try {
      const hook = encodeURIComponent(byId("hooks-name").value);
      const options = { method: "POST", headers, body: payload };
      result.replaceChildren(...described(await json(`hooks/${hook}/try`, options)));
      problem("hooks-try-problem");
    } catch (error) {
      result.replaceChildren();
      problem("hooks-try-problem", error.message);
    }
  }
}

function isJSON(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function described({ shape, event, body, template_error: failure }) {
  const list = make("dl", { className: "pairs" });
  const facts = [["Shape", shape], ["Event", event], ["Template", failure]];
  pairs(list, facts.filter(([, value]) => value));
  const shown = make("pre", { tabIndex: 0, role: "group", aria: { label: "The message" } });
  shown.append(body);
  return [list, shown];
}

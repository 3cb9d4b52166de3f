// Shows the delivery status of a message.

import { json } from "./api.js";
import * as code from "./code.js";
import { byId, make, pairs, problem, time } from "./dom.js";

const STATES = {
  queued: "stored, not sent yet",
  sent: "written to the XMPP server",
  confirmed: "taken by the XMPP server",
  bounced: "an error came back",
};

export class Outbox {
  constructor() {
    byId("outbox-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.show(byId("outbox-id").value.trim());
    });
  }

  /** Look up a message. */
  async show(id) {
    byId("outbox-id").value = id;
    const result = byId("outbox-result");
    try {
      const message = await json(`outbox/${encodeURIComponent(id)}`);
      result.replaceChildren(...described(message));
      problem("outbox-problem");
    } catch (error) {
      result.replaceChildren();
      problem("outbox-problem", error.message);
    }
    byId("outbox").scrollIntoView({ block: "nearest" });
  }
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
  if (!message.error_xml) return [list];
  const shown = make("pre", { tabIndex: 0, role: "group", aria: { label: "The error" } });
  shown.append(...code.xml(message.error_xml));
  return [list, shown];
}

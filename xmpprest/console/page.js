// The page as a whole: who may see it, and what is told to which part of it.

import { Events, token } from "./api.js";
import { announce, byId, make, problem, time } from "./dom.js";
import { Outbox } from "./outbox.js";
import { Queues } from "./queues.js";
import { Rates } from "./rates.js";
import { Send } from "./send.js";
import { Traffic } from "./traffic.js";

const STATES = { up: "Connected", down: "Not connected" };

let isLoaded = false;

const rates = new Rates();
const outbox = new Outbox();
const queues = new Queues();
const send = new Send((id) => outbox.show(id));
const traffic = new Traffic((query) => events.start(query));

const hear = {
  stanza: (data) => traffic.add(data),
  lost: (data) => traffic.lost(data),
  rates: (data) => rates.add(data),
  state: showState,
};
const events = new Events((name, data) => hear[name]?.(data), showConnection, refused);

function showState({ state, since, reconnects }) {
  const shown = byId("state");
  const isNews = shown.dataset.state !== state;
  shown.dataset.state = state;
  shown.replaceChildren(
    make("strong", {}, STATES[state] ?? state),
    make("span", {}, " since ", time(since)),
    reconnects ? make("span", { className: "more" }, `, lost ${reconnects} times`) : "",
  );
  if (isNews) announce(`The stream to the XMPP server: ${STATES[state] ?? state}.`);
}

function showConnection(text, isUp) {
  if (isUp) load();
  byId("connection").textContent = text;
  byId("connection").dataset.up = String(isUp);
}

/** The events may not be seen: what to do, and whether the rest may be. */
function refused(error) {
  if (error.status === 401) {
    signOut();
    problem("token-problem", error.message);
  } else if (error.status === 400) {
    problem("filter-problem", error.message);
    showConnection("", false);
  } else {
    // It may not look on, but perhaps do other things.
    showConnection(error.message, false);
    load();
  }
}

/** Once it is known that the token is one. */
function load() {
  if (isLoaded) return;
  isLoaded = true;
  queues.load();
  send.load();
}

function signIn() {
  byId("entry").hidden = true;
  for (const id of ["console", "nav", "forget"]) byId(id).hidden = false;
  byId("state").textContent = "Asking the gateway…";
  events.start();
}

function signOut() {
  events.stop();
  token.forget();
  for (const id of ["console", "nav", "forget"]) byId(id).hidden = true;
  byId("state").textContent = "Not signed in";
  byId("state").dataset.state = "unknown";
  byId("entry").hidden = false;
  byId("token").value = "";
  byId("token").focus();
}

byId("entry-form").addEventListener("submit", (event) => {
  event.preventDefault();
  problem("token-problem");
  token.set(byId("token").value.trim().replace(/^Bearer\s+/i, ""));
  byId("token").value = "";
  signIn();
  byId("main").focus();
});
// What has been seen with it is to be forgotten, too.
byId("forget").addEventListener("click", () => {
  signOut();
  location.reload();
});

if (token.get()) signIn();
else byId("token").focus();

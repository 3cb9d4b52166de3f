// The page as a whole: signing in, and passing events to its parts.

import { Events, token } from "./api.js";
import { Bots } from "./bots.js";
import { announce, byId, make, problem, time } from "./dom.js";
import { Hooks } from "./hooks.js";
import { Outbox } from "./outbox.js";
import { Queues } from "./queues.js";
import { Rates } from "./rates.js";
import { Rooms } from "./rooms.js";
import { Send } from "./send.js";
import { Traffic } from "./traffic.js";
import { Updates } from "./updates.js";

const STATES = { up: "Connected", down: "Not connected" };

let isLoaded = false;

const rates = new Rates();
const outbox = new Outbox();
const queues = new Queues();
const send = new Send((id) => outbox.show(id));
const hooks = new Hooks((id) => outbox.show(id));
const bots = new Bots();
const rooms = new Rooms();
const updates = new Updates();
const traffic = new Traffic((query) => events.start(query));

const handlers = {
  stanza: (data) => traffic.add(data),
  lost: (data) => traffic.lost(data),
  complaint: (data) => traffic.complain(data),
  rates: (data) => rates.add(data),
  state: showState,
};
const events = new Events((name, data) => handlers[name]?.(data), showConnection, refused);

function showState({ state, since, reconnects }) {
  const shown = byId("state");
  const isNews = shown.dataset.state !== state;
  shown.dataset.state = state;
  shown.replaceChildren(
    make("strong", {}, STATES[state] ?? state),
    make("span", {}, " since ", time(since), reconnects ? `, lost ${times(reconnects)}` : ""),
  );
  if (isNews) announce(`Stream to the XMPP server: ${STATES[state] ?? state}.`);
}

function times(count) {
  return { 1: "once", 2: "twice" }[count] ?? `${count} times`;
}

function showConnection(text, isUp) {
  if (isUp) load();
  byId("connection").textContent = text;
  byId("connection").dataset.up = String(isUp);
}

/** Handle a refusal of the events. The token may still allow other parts. */
function refused(error) {
  if (error.status === 401) {
    signOut();
    problem("token-problem", error.message);
  } else if (error.status === 400) {
    problem("filter-problem", error.message);
    showConnection("", false);
  } else {
    // The token does not allow events, but may allow other things.
    showConnection(error.message, false);
    load();
  }
}

/** Show the console after the token was accepted. */
function load() {
  if (isLoaded) return;
  isLoaded = true;
  queues.start();
  updates.load();
  outbox.load();
  send.load();
  hooks.load();
  bots.load();
  rooms.load();
}

function signIn() {
  byId("entry").hidden = true;
  for (const id of ["console", "nav", "forget"]) byId(id).hidden = false;
  byId("state").textContent = "Checking the token…";
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
// Reloading also removes everything that was shown with the token.
byId("forget").addEventListener("click", () => {
  signOut();
  location.reload();
});

if (token.get()) signIn();
else byId("token").focus();

// Makes the elements of the page. Content from elsewhere is only ever text.

/** Return the element with an id. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param properties Its properties. `data` and `aria` have attributes with that prefix.
 * @param children Nodes, and texts, which are shown unchanged.
 */
export function make(name, properties = {}, ...children) {
  const { data = {}, aria = {}, role, ...others } = properties;
  const element = Object.assign(document.createElement(name), others);
  Object.assign(element.dataset, data);
  for (const [key, value] of Object.entries(aria)) {
    element.setAttribute(`aria-${key}`, value);
  }
  if (role) element.setAttribute("role", role);
  element.append(...children);
  return element;
}

/** Make a cell of a table. On narrow screens its label is shown before it. */
export function cell(label, ...children) {
  return make("td", { role: "cell", data: { label } }, ...children);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Format a time of the API for people; for today, only the time of day. */
export function time(text) {
  const at = new Date(text);
  const isToday = at.toDateString() === new Date().toDateString();
  const shown = (isToday ? CLOCK : DAY).format(at);
  return make("time", { dateTime: text, title: text }, shown);
}

/** Make a list of names and values. */
export function pairs(list, values) {
  list.replaceChildren(
    ...values.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

/** Announce a text to screen readers. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Show an error, or without a text remove it. */
export function problem(id, text = "") {
  byId(id).textContent = text;
}

// Makes what the page shows. Whatever comes from elsewhere is text, and nothing but.

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param properties What it has; `data` and `aria` hold attributes that begin so.
 * @param children Nodes, and texts, which are shown as they are.
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

/** A cell of a table; its label stands before it where there is no room for columns. */
export function cell(label, ...children) {
  return make("td", { role: "cell", data: { label } }, ...children);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A time of the API for people: of today, only that of the day. */
export function time(text) {
  const at = new Date(text);
  const isToday = at.toDateString() === new Date().toDateString();
  const shown = (isToday ? CLOCK : DAY).format(at);
  return make("time", { dateTime: text, title: text }, shown);
}

/** A list of names and values. */
export function pairs(list, values) {
  list.replaceChildren(
    ...values.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

/** Tell those who cannot see it. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Show what went wrong, or, without a text, that nothing did. */
export function problem(id, text = "") {
  byId(id).textContent = text;
}

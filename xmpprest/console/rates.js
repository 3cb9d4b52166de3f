// Rates and latencies: small plots of the last 15 minutes.

import { byId, make } from "./dom.js";

const SPAN_MS = 15 * 60 * 1000;
const [WIDTH, HEIGHT] = [300, 72];
const SVG = "http://www.w3.org/2000/svg";

const perSecond = (name) => (each) => (each.counts[name] ?? 0) / each.seconds;
const milliseconds = (name, part) => (each) => {
  const seconds = each.latencies[name]?.[part];
  return seconds == null ? null : seconds * 1000;
};
const waiting = (name) => (each) => each.queues[name] ?? null;

const PLOTS = [
  { title: "Stanzas", unit: "/s", lines: { out: perSecond("out"), in: perSecond("in") } },
  {
    title: "Requests",
    unit: "/s",
    lines: { all: perSecond("requests"), "5xx": perSecond("errors") },
  },
  {
    title: "Response time",
    unit: " ms",
    lines: { median: milliseconds("requests", "p50"), "99 %": milliseconds("requests", "p99") },
  },
  {
    title: "Callback time",
    unit: " ms",
    lines: { median: milliseconds("callbacks", "p50"), "99 %": milliseconds("callbacks", "p99") },
  },
  {
    title: "Waiting",
    unit: "",
    lines: { outbox: waiting("outbox"), inbox: waiting("inbox") },
  },
];

/** The names of the queues. Queues that the gateway does not have are left out. */
const QUEUE_NAMES = {
  outbox: "Outbox",
  inbox: "Inbox",
  dead: "Dead letters",
  iqs: "Queries",
};

export class Rates {
  #samples = [];
  #plots = PLOTS.map((plot) => new Plot(plot));

  constructor() {
    byId("plots").replaceChildren(...this.#plots.map((each) => each.figure));
  }

  /** Add the numbers of the last five seconds. */
  add(rates) {
    const at = Date.parse(rates.time);
    if (this.#samples.length && at <= this.#samples.at(-1).at) return;
    this.#samples.push({ at, ...rates });
    while (this.#samples[0].at < at - SPAN_MS) this.#samples.shift();
    // The numbers of the last 15 minutes arrive at once; draw only after the last.
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.#draw(), 50);
  }

  #draw() {
    for (const plot of this.#plots) plot.draw(this.#samples);
    const { queues } = this.#samples.at(-1);
    const known = Object.keys(QUEUE_NAMES).filter((name) => name in queues);
    const depths = known.map((name) =>
      make("div", {}, make("dt", {}, QUEUE_NAMES[name]), make("dd", {}, number(queues[name]))),
    );
    byId("depths").replaceChildren(...depths);
  }
}

/** One plot. */
class Plot {
  constructor({ title, unit, lines }) {
    Object.assign(this, { title, unit, lines: Object.entries(lines) });
    this.svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
    this.svg.setAttribute("role", "img");
    this.most = make("span", { className: "most" });
    this.values = this.lines.map(() => make("strong", {}, "–"));
    const legend = this.lines.map(([name], index) =>
      make("li", { className: `line-${index}` }, this.values[index], ` ${name}`),
    );
    this.figure = make(
      "figure",
      { className: "card plot" },
      make("figcaption", {}, title, this.most),
      make("ul", { aria: { hidden: "true" } }, ...legend),
      this.svg,
    );
  }

  draw(samples) {
    const end = samples.at(-1).at;
    const series = this.lines.map(([, value]) => samples.map((each) => [each.at, value(each)]));
    const values = series.flat().map(([, value]) => value ?? 0);
    const most = Math.max(...values);
    const top = most || 1;
    const x = (at) => WIDTH * (1 - (end - at) / SPAN_MS);
    const y = (value) => HEIGHT - 2 - (HEIGHT - 6) * (value / top);
    const paths = series.flatMap((points, index) => [
      ...(index ? [] : [shape("path", { class: "area", d: area(points, x, y) })]),
      shape("path", { class: `line line-${index}`, d: line(points, x, y) }),
    ]);
    // The first line is the important one, so it is drawn last, on top.
    this.svg.replaceChildren(shape("path", { class: "axis", d: `M0 ${HEIGHT - 2}H${WIDTH}` }));
    this.svg.append(...paths.reverse());
    const now = series.map((points) => points.at(-1)[1]);
    now.forEach((value, index) => {
      this.values[index].textContent = `${number(value)}${value == null ? "" : this.unit}`;
    });
    this.most.textContent = `max. ${number(most)}${this.unit}`;
    const said = this.lines.map(([name], index) => `${name} ${number(now[index])}${this.unit}`);
    this.svg.setAttribute(
      "aria-label",
      `${this.title}: now ${said.join(", ")}; in 15 minutes ${this.most.textContent}.`,
    );
  }
}

/** Split a line into runs without gaps. A gap is a time without a value. */
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point[1] == null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((run) => run.length);
}

function line(points, x, y) {
  const path = (run) => {
    const steps = run.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    // A single value is visible, too.
    return `M${steps.join("L")}${run.length > 1 ? "" : "h1.5"}`;
  };
  return runs(points).map(path).join("");
}

function area(points, x, y) {
  const path = (run) => {
    const steps = run.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    const [first, last] = [run[0][0], run.at(-1)[0]].map((at) => x(at).toFixed(1));
    return `M${first} ${HEIGHT - 2}L${steps.join("L")}L${last} ${HEIGHT - 2}Z`;
  };
  return runs(points).map(path).join("");
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const NUMBER = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });
const WHOLE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

function number(value) {
  if (value == null) return "–";
  return (value < 10 ? NUMBER : WHOLE).format(value);
}

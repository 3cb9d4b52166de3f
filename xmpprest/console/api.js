// The client of the gateway's public API. It sends the token in the header.

const KEY = "xmpprest-token";
/** The URL of the API, relative to this page. */
const ROOT = new URL("..", document.baseURI);

/** The longest delay, in milliseconds, before the events are requested again. */
const MAX_DELAY_MS = 30000;

/** A refusal of the gateway, with its reason. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** Send a request to a path below `/rest`. Throws `Refused`. */
export function ask(path, options = {}) {
  const { headers = {}, ...others } = options;
  const to = new URL(path.replace(/^\/+/, ""), ROOT);
  if (!to.href.startsWith(ROOT.href)) {
    throw new Refused(0, "The path is outside of the gateway.");
  }
  return fetch(to, {
    cache: "no-store",
    // Otherwise the browser asks for a password by itself, and stores it.
    credentials: "omit",
    redirect: "error",
    headers: { Authorization: `Bearer ${token.get()}`, ...headers },
    ...others,
  });
}

/** Get JSON; null if the response has no content. */
export async function json(path, options) {
  const response = await ask(path, options);
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? null : response.json();
}

/** Read the reason of a refusal. */
async function refusal(response) {
  let text = `${response.status} ${response.statusText}`;
  try {
    text = (await response.json()).detail ?? text;
  } catch {
    // A proxy has answered instead of the gateway.
  }
  return new Refused(response.status, text);
}

/** The stream of events. It reconnects after each interruption. */
export class Events {
  #lastId = null;
  #abort = null;
  #query = "";

  /**
   * @param onEvent Called with the name and the data of each event.
   * @param onStatus Called with the status of the connection: a text, and whether it is up.
   * @param onRefused Called with the refusal that ends the stream.
   */
  constructor(onEvent, onStatus, onRefused) {
    Object.assign(this, { onEvent, onStatus, onRefused });
  }

  /** Connect, or reconnect with another query, after the last event received. */
  async start(query = this.#query) {
    this.stop();
    this.#query = query;
    const abort = (this.#abort = new AbortController());
    let wait = 1000;
    while (this.#abort === abort) {
      try {
        await this.#listen(abort.signal, () => (wait = 1000));
      } catch (error) {
        if (this.#abort !== abort) return;
        if (error instanceof Refused && error.status < 500) {
          this.#abort = null;
          this.onRefused(error);
          return;
        }
      }
      if (this.#abort !== abort) return;
      this.onStatus("Reconnecting…", false);
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, MAX_DELAY_MS);
    }
  }

  stop() {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #listen(signal, connected) {
    const headers = this.#lastId === null ? {} : { "Last-Event-ID": this.#lastId };
    const response = await ask(`events${this.#query}`, { headers, signal });
    if (!response.ok) throw await refusal(response);
    this.onStatus("Live", true);
    connected();
    const text = response.body.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const piece of pieces(text)) {
      const blocks = (rest + piece).split("\n\n");
      rest = blocks.pop();
      blocks.forEach((block) => this.#dispatch(block));
    }
  }

  #dispatch(block) {
    const event = { event: "message", data: "" };
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if (event.id !== undefined) this.#lastId = event.id;
    if (event.data) this.onEvent(event.event, JSON.parse(event.data));
  }
}

async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

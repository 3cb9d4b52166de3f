// The gateway's API, as anybody may use it: with a token, which goes into the header.

const KEY = "xmpprest-token";
/** Where the API is: beside this page. */
const ROOT = new URL("..", document.baseURI);

/** The longest wait, in milliseconds, before the events are asked for again. */
const PATIENCE = 30000;

/** What the gateway refuses, and why. */
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

/** Ask for anything below `/rest`, which may be refused. */
export function ask(path, options = {}) {
  const { headers = {}, ...others } = options;
  const to = new URL(path.replace(/^\/+/, ""), ROOT);
  if (!to.href.startsWith(ROOT.href)) {
    throw new Refused(0, "The path leads away from the gateway.");
  }
  return fetch(to, {
    cache: "no-store",
    // Or the browser would ask for a password by itself, and remember it.
    credentials: "omit",
    redirect: "error",
    headers: { Authorization: `Bearer ${token.get()}`, ...headers },
    ...others,
  });
}

/** Ask for JSON. */
export async function json(path, options) {
  const response = await ask(path, options);
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** Why it was refused. */
async function refusal(response) {
  let text = `${response.status} ${response.statusText}`;
  try {
    text = (await response.json()).detail ?? text;
  } catch {
    // Somebody in between has answered.
  }
  return new Refused(response.status, text);
}

/** The events, from the first on, whatever happens to the connection. */
export class Events {
  #lastId = null;
  #abort = null;
  #query = "";

  /**
   * @param heard Takes the name and the data of each event.
   * @param told Takes what is to be said of the connection, and whether it is up.
   * @param refused Takes what ends all of this.
   */
  constructor(heard, told, refused) {
    Object.assign(this, { heard, told, refused });
  }

  /** Begin, or begin anew with another query, after what was heard last. */
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
          this.refused(error);
          return;
        }
      }
      if (this.#abort !== abort) return;
      this.told("Connecting again…", false);
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, PATIENCE);
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
    this.told("Live", true);
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
    if (event.data) this.heard(event.event, JSON.parse(event.data));
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

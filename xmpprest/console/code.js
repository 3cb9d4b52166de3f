// Shows XML and JSON with line breaks and colours. The content is only ever text.

import { make } from "./dom.js";

const TAG = /<[^>]*>|[^<]+/g;
const PART = /([\w:.-]+)(=)('[^']*'|"[^"]*")|[^\s]+/g;
const JSON_PART = /"(?:\\.|[^"\\])*"(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

const coloured = (name, text) => make("span", { className: `c-${name}` }, text);

/**
 * Format XML. Each element that contains only elements gets its own lines.
 * @param text Well-formed XML, as the gateway writes it.
 */
export function xml(text) {
  const parts = text.match(TAG) ?? [];
  const nodes = [];
  let depth = 0;
  let isText = false;
  parts.forEach((part, index) => {
    if (!part.startsWith("<")) {
      nodes.push(part);
      isText = true;
      return;
    }
    const isEnd = part.startsWith("</");
    if (isEnd) depth -= 1;
    const opened = parts[index - 1];
    const isEmpty = isEnd && opened?.startsWith("<") && !/^<\/|\/>$/.test(opened);
    if (index && !isText && !isEmpty) nodes.push(`\n${"  ".repeat(depth)}`);
    nodes.push(...tag(part));
    if (!isEnd && !part.endsWith("/>")) depth += 1;
    isText = false;
  });
  return nodes;
}

function tag(text) {
  const [, open, name, rest, close] = /^(<\/?)([^\s/>]+)([^]*?)(\/?>)$/.exec(text) ?? [];
  if (!name) return [text];
  const nodes = [coloured("mark", open), coloured("name", name)];
  let last = 0;
  for (const match of rest.matchAll(PART)) {
    nodes.push(rest.slice(last, match.index));
    if (match[1]) {
      nodes.push(coloured("key", match[1]), coloured("mark", "="), coloured("text", match[3]));
    } else {
      nodes.push(match[0]);
    }
    last = match.index + match[0].length;
  }
  return [...nodes, rest.slice(last), coloured("mark", close)];
}

/** Format a value as JSON. */
export function json(value) {
  const text = JSON.stringify(value, null, 2);
  const nodes = [];
  let last = 0;
  for (const match of text.matchAll(JSON_PART)) {
    nodes.push(text.slice(last, match.index));
    const [all, colon] = match;
    if (colon) {
      nodes.push(coloured("key", all.slice(0, -colon.length)), colon);
    } else {
      nodes.push(coloured(all.startsWith('"') ? "text" : "word", all));
    }
    last = match.index + all.length;
  }
  return [...nodes, text.slice(last)];
}

/** Format a body by its media type. */
export function body(text, contentType) {
  if (contentType.includes("json")) {
    try {
      return json(JSON.parse(text));
    } catch {
      return [text];
    }
  }
  return contentType.includes("xml") ? xml(text) : [text];
}

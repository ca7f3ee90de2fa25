// The browser of a person who says yes to everything: no script, a cookie jar, redirects, links and
// forms. Clients start it as `BROWSER URL`, as `xdg-open` would be started.
//
//   node browser.mjs URL
//
// It goes on until a page leads nowhere, which is the client's own page when all went well. Exit 0
// then; exit 1, with the address and the text of the page on standard error, when a page is an error.

import { request } from "node:http";
import { request as secureRequest } from "node:https";

const MOST_PAGES = 30;
const jar = new Map();

/** One request, as a browser makes it. */
function ask(url, { method = "GET", body, from }) {
  const headers = { accept: "text/html", "user-agent": "Mozilla/5.0 (interop)" };
  const cookies = jar.get(url.hostname);
  if (cookies?.size) headers.cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  if (body !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    headers["content-length"] = Buffer.byteLength(body);
    headers.origin = from.origin;
    headers["sec-fetch-site"] = from.origin === url.origin ? "same-origin" : "cross-site";
  }
  const send = url.protocol === "https:" ? secureRequest : request;
  return new Promise((resolve, reject) => {
    const sent = send(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject).end(body);
  });
}

/** Cookies belong to a host, whatever its port. */
function keep(url, lines = []) {
  const cookies = jar.get(url.hostname) ?? new Map();
  jar.set(url.hostname, cookies);
  for (const line of lines) {
    const [pair] = line.split(";");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (value === "" || /;\s*max-age=0/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  }
}

const plain = (text) =>
  text.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

function attribute(tag, name) {
  const found = new RegExp(`\\s${name}="([^"]*)"`, "i").exec(tag);
  return found ? plain(found[1]) : undefined;
}

/** The first form of a page, filled in with what it brings and its first button. */
function form(page, url) {
  const [, opening, inside] = /(<form\b[^>]*>)([\s\S]*?)<\/form>/i.exec(page) ?? [];
  if (opening === undefined) return undefined;
  const fields = new URLSearchParams();
  for (const [tag] of inside.matchAll(/<input\b[^>]*>/gi)) {
    if (attribute(tag, "name")) fields.append(attribute(tag, "name"), attribute(tag, "value") ?? "");
  }
  const [button] = /<button\b[^>]*>/i.exec(inside) ?? [];
  if (button && attribute(button, "name")) fields.append(attribute(button, "name"), attribute(button, "value") ?? "");
  const to = new URL(attribute(opening, "action") ?? "", url);
  return { to, method: (attribute(opening, "method") ?? "get").toUpperCase(), body: fields.toString() };
}

/** The one link that a page is there for. */
function link(page, url) {
  const [tag] = /<a\b[^>]*class="button"[^>]*>/i.exec(page) ?? [];
  const address = tag && attribute(tag, "href");
  return address === undefined ? undefined : new URL(address, url);
}

let [at, next] = [new URL(process.argv[2]), {}];
for (let page = 0; page < MOST_PAGES; page += 1) {
  const answer = await ask(at, next);
  keep(at, answer.headers["set-cookie"]);
  if (answer.status >= 300 && answer.status < 400) {
    [at, next] = [new URL(answer.headers.location, at), {}];
    continue;
  }
  if (answer.status >= 400) {
    const text = answer.text.replace(/<style[\s\S]*?<\/style>/gi, " ").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
    fail(`${answer.status} at ${at.origin}${at.pathname}: ${plain(text).trim().slice(0, 600)}`);
  }
  const filled = form(answer.text, at);
  if (filled) {
    next = { method: filled.method, body: filled.body, from: at };
    at = filled.to;
    continue;
  }
  const onward = link(answer.text, at);
  if (onward === undefined) process.exit(0);
  [at, next] = [onward, {}];
}
fail(`no end after ${MOST_PAGES} pages`);

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

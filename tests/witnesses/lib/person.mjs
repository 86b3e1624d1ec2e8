// A person at a browser without scripts: follows redirects, keeps cookies, fills in what the emulator's pages ask.
import http from "node:http";
import https from "node:https";

const STEPS = 20;

export class Person {
  #cookies = new Map();

  /** Signs in as `user` wherever `entra`'s pages ask for it, and allows what they ask. */
  constructor(entra, user) {
    this.entra = entra;
    this.user = user;
  }

  /**
   * Goes to `address`, and on until nothing is asked any more: the page that is then shown. Or until the browser would be sent
   * to `until`: what it would bring there, in the address or as a form.
   */
  async visit(address, until) {
    let next = { url: new URL(address), method: "GET" };
    for (let step = 0; step < STEPS; step++) {
      if (until && next.url.href.startsWith(until)) return Object.fromEntries(new URLSearchParams(next.body ?? next.url.search));
      const answer = await this.#ask(next);
      const page = { url: next.url, status: answer.status, body: answer.body };
      if (answer.location) next = { url: new URL(answer.location, next.url), method: "GET" };
      else if (page.url.origin !== this.entra.url) return page;
      else next = this.#act(page);
    }
    throw new Error(`still sent around after ${STEPS} steps, at ${next.url.origin}${next.url.pathname}`);
  }

  /** What the page of the emulator wants done. */
  #act(page) {
    const back = /<a [^>]*id="back"[^>]* href="([^"]*)"/.exec(page.body);
    if (back) return { url: new URL(unescaped(back[1]), page.url), method: "GET" };
    const form = /<form method="post" action="([^"]*)">(.*?)<\/form>/s.exec(page.body);
    if (!form) throw new Error(`${page.status} at ${page.url.pathname}: ${page.body.replace(/<style.*?<\/style>|<[^>]*>/gs, " ")}`);
    const fields = new URLSearchParams();
    for (const [input] of form[2].matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      fields.append(unescaped(/ name="([^"]*)"/.exec(input)[1]), unescaped(/ value="([^"]*)"/.exec(input)[1]));
    }
    if (form[2].includes('name="username"')) {
      fields.append("username", this.user.upn);
      fields.append("password", this.user.password);
    } else if (form[2].includes('name="decision"')) fields.append("decision", "accept");
    else if (form[2].includes('name="account"')) fields.append("account", this.user.oid);
    return { url: new URL(unescaped(form[1]), page.url), method: "POST", body: fields.toString() };
  }

  async #ask({ url, method, body }) {
    const headers = { cookie: this.#cookiesFor(url) };
    if (body !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    const answer = await exchange(url, { method, headers, body, agent: url.protocol === "https:" ? this.entra.agent : undefined });
    for (const line of answer.headers["set-cookie"] ?? []) this.#keep(line, url);
    return { ...answer, location: answer.status >= 300 && answer.status < 400 ? answer.headers.location : undefined };
  }

  /** Everybody here is localhost, and cookies ignore ports: only the path tells them apart. */
  #keep(line, url) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    const of = (wanted) => attributes.map((one) => one.split("=")).find(([key]) => key.toLowerCase() === wanted)?.[1];
    const path = of("path") ?? (url.pathname.replace(/\/[^/]*$/, "") || "/");
    const gone = Number(of("max-age") ?? 1) <= 0 || new Date(of("expires") ?? "9999-01-01") <= new Date();
    if (gone) this.#cookies.delete(`${name} ${path}`);
    else this.#cookies.set(`${name} ${path}`, { pair: `${name}=${value}`, path });
  }

  #cookiesFor(url) {
    const covers = (path) => url.pathname === path || url.pathname.startsWith(path.endsWith("/") ? path : `${path}/`);
    return [...this.#cookies.values()].filter(({ path }) => covers(path)).map(({ pair }) => pair).join("; ");
  }
}

/** One request and its answer. */
export function exchange(address, { method = "GET", headers = {}, body, agent } = {}) {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    const asked = (url.protocol === "https:" ? https : http).request(url, { method, headers, agent, timeout: 20_000 }, (answer) => {
      let text = "";
      answer.on("data", (data) => (text += data));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: text }));
    });
    asked.on("timeout", () => asked.destroy(new Error(`no answer from ${url.origin}${url.pathname}`)));
    asked.on("error", reject);
    asked.end(body);
  });
}

function unescaped(text) {
  const names = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#x27": "'" };
  return text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, name) => names[name]);
}

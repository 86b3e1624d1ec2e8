// The emulator's switches and journal, over its own https, its authority trusted.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { connect } from "node:tls";

/** Base64 of the SHA-256 of a certificate's public key, by which a browser is told to trust it. */
export function keyHash(certificate) {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

export class Entra {
  /** `about` is what the emulator says of itself, `tenant` what it was told: passwords and secrets are in the latter alone. */
  constructor(about, tenant) {
    this.about = about;
    this.tenant = tenant;
    this.url = about.url;
    this.ca = readFileSync(about.ca_file);
    this.agent = new Agent({ ca: this.ca, keepAlive: false });
  }

  app(name) {
    const { appId, passwordCredentials } = this.tenant.applications.find((app) => app.displayName === name);
    return { client_id: appId, secret: passwordCredentials?.[0].secretText };
  }

  user(name) {
    const { id, userPrincipalName, password } = this.tenant.users.find((user) => user.name === name);
    return { oid: id, upn: userPrincipalName, password };
  }

  send(method, path, body) {
    return new Promise((resolve, reject) => {
      const url = new URL(`/_admin${path}`, this.url);
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const asked = request(url, { method, agent: this.agent, headers }, (answer) => {
        let text = "";
        answer.on("data", (data) => (text += data));
        answer.on("end", () => {
          if (answer.statusCode >= 300) reject(new Error(`${method} ${url}: ${answer.statusCode} ${text}`));
          else resolve(text ? JSON.parse(text) : null);
        });
      });
      asked.on("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** What the token endpoint answers to a form that a page of `origin` posts. */
  token(form, origin) {
    return new Promise((resolve, reject) => {
      const url = new URL(`/${this.about.tenant_id}/oauth2/v2.0/token`, this.url);
      const headers = { "content-type": "application/x-www-form-urlencoded", origin };
      const asked = request(url, { method: "POST", agent: this.agent, headers }, (answer) => {
        let text = "";
        answer.on("data", (data) => (text += data));
        answer.on("end", () => resolve({ status: answer.statusCode, ...JSON.parse(text) }));
      });
      asked.on("error", reject);
      asked.end(new URLSearchParams(form).toString());
    });
  }

  revokeSessions(name) {
    return this.send("POST", `/users/${name}/revoke-sessions`);
  }

  setTokenLifetime(name, seconds) {
    return this.send("PUT", `/users/${name}/token-lifetime`, { seconds });
  }

  async journal(after = 0) {
    const answer = await this.send("GET", `/journal?after=${after}`);
    return answer.requests ?? answer;
  }

  /** The number of the latest request. */
  async now() {
    return (await this.journal()).at(-1)?.seq ?? 0;
  }

  /** Base64 of the SHA-256 of the server's public key, taken from a connection that its authority vouches for. */
  async keyHash() {
    const { hostname, port } = new URL(this.url);
    const raw = await new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: Number(port), servername: hostname, ca: this.ca }, () => {
        resolve(socket.getPeerCertificate().raw);
        socket.end();
      });
      socket.on("error", reject);
    });
    return keyHash(raw);
  }
}

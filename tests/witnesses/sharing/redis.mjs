// Looking at what is in Redis, as a third one.
import { run } from "../../e2e/lib/processes.mjs";

/** .NET's ticks at the start of 1970, and in a second. */
const EPOCH = 621355968000000000n;
const TICKS = 10000000n;

export class Redis {
  constructor(port, instance) {
    this.port = port;
    this.instance = instance;
  }

  async #ask(...command) {
    return JSON.parse(await run("redis-cli", "redis-cli", ["-p", String(this.port), "--json", ...command]));
  }

  /** The keys of all entries, without the instance's name. */
  async keys() {
    const found = await this.#ask("KEYS", `${this.instance}*`);
    return found.map((name) => name.slice(this.instance.length)).sort();
  }

  /**
   * How long an entry stays: its fields `absolute` (unix seconds) and `sliding` (seconds), null for none, and what the server
   * has `left` of it (seconds, null for ever). Undefined when there is no entry.
   */
  async expiry(key) {
    const [absolute, sliding] = await this.#ask("HMGET", this.instance + key, "absexp", "sldexp");
    if (absolute === null) return undefined;
    const left = await this.#ask("PTTL", this.instance + key);
    const seconds = (ticks) => Number(BigInt(ticks) / TICKS);
    return {
      absolute: absolute === "-1" ? null : seconds(BigInt(absolute) - EPOCH),
      sliding: sliding === "-1" ? null : seconds(sliding),
      left: left < 0 ? null : Math.round(left / 1000),
    };
  }
}

// A program that is told what to do line by line, and answers each line with one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const PATIENCE = 30_000;

export class Conversation {
  #child;
  #lines;
  #ended;

  /** It ends with its standard input, so also when this process does. */
  constructor(program, args, environment) {
    this.#child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = once(this.#child, "close").catch((error) => [String(error)]);
    this.#child.stdin.on("error", () => {}); // who reads no more has no answer either, and that is reported
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What the witness answers; one command at a time. */
  async ask(command) {
    const late = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines.next();
    clearTimeout(late);
    if (done) throw new Error(`no answer to "${command.do}": the witness ended with ${(await this.#ended).join(" ")}`);
    const said = JSON.parse(value);
    if (said.failed) throw new Error(`"${command.do}" failed: ${said.failed}`);
    return said;
  }

  async close() {
    this.#child.stdin.end();
    const late = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    const [code, signal] = await this.#ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the witness ended with ${code ?? signal}`);
  }
}

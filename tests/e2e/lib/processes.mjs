// Programs that run beside the browser: started, awaited, stopped by their handle.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

const PATIENCE = 20_000;
const KEPT = 60;

const running = new Set();

/** Those with programs of their own, which they end when they are asked to. */
const parents = new Set();

/** Starts `program` and waits for a line of its output that `ready` makes something of. */
export async function start(name, program, args, ready, environment = {}, { isParent = false } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  const keep = (line) => {
    said.push(line);
    if (said.length > KEPT) said.shift();
  };
  running.add(child);
  if (isParent) parents.add(child);
  const ended = new Promise((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }));
    child.on("error", (error) => {
      keep(String(error));
      resolve({ code: null, signal: null });
    });
  });
  ended.then(() => running.delete(child));
  createInterface({ input: child.stderr }).on("line", keep);
  const found = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} was not ready in time. It said:\n${said.join("\n")}`)), PATIENCE);
    createInterface({ input: child.stdout }).on("line", (line) => {
      keep(line);
      const value = ready(line);
      if (value !== undefined) {
        clearTimeout(late);
        resolve(value);
      }
    });
    ended.then(() => {
      clearTimeout(late);
      reject(new Error(`${name} ended before it was ready. It said:\n${said.join("\n")}`));
    });
  }).catch((error) => {
    child.kill(isParent ? "SIGTERM" : "SIGKILL");
    throw error;
  });
  let stopping;
  const stop = (signal = "SIGTERM") => (stopping ??= terminate(signal));
  const terminate = async (how) => {
    child.kill(how);
    const killer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    const { code, signal } = await ended;
    clearTimeout(killer);
    if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}. It said:\n${said.join("\n")}`);
  };
  return { found, stop };
}

/** Runs `program` to its end. */
export async function run(name, program, args, options = {}) {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  const [code] = await once(child, "close");
  running.delete(child);
  if (!(options.codes ?? [0]).includes(code)) throw new Error(`${name} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Ends whatever still runs, however the test ended. */
export function killAll() {
  for (const child of running) child.kill(parents.has(child) ? "SIGTERM" : "SIGKILL");
}

/** A port nobody has at the moment. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

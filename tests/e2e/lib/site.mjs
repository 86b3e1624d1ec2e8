// Serves the built single-page app, and remembers what it was asked for.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

/** What the pages cannot say of themselves; see the app's README. */
const headers = { "content-security-policy": "frame-ancestors 'self'", "cache-control": "no-store" };
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".map": "application/json" };

export async function site(port = 0) {
  const state = { folder: null, asked: [] };
  const server = createServer(async (request, response) => {
    state.asked.push(request.url);
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const file = extname(path) ? path : "/index.html"; // pages of the app are its own business
    try {
      const body = await readFile(join(state.folder, file));
      response.writeHead(200, { ...headers, "content-type": types[extname(file)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://localhost:${server.address().port}`;
  return {
    origin,
    port: server.address().port,
    asked: state.asked,
    serve: (folder) => (state.folder = folder),
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

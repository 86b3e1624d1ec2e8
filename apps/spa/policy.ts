// The Content-Security-Policy of the built pages: this app's own files, and the two places it talks to. It is written into
// the pages, so that it holds whatever serves them; what a page cannot say of itself is for the server (see README.md).
import type { Plugin } from "vite";

export function policy(authority: string, apiUrl: string): Plugin {
  const entra = new URL(authority).origin;
  const directives: Record<string, string[]> = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "connect-src": [entra, new URL(apiUrl).origin],
    // A silent sign-in is a hidden frame: Entra's address, which sends it on to our redirect.html.
    "frame-src": [entra, "'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
  };
  const content = Object.entries(directives).map(([name, sources]) => `${name} ${sources.join(" ")}`).join("; ");
  return {
    name: "content-security-policy",
    // Vite's own server works with inline scripts and a socket.
    apply: "build",
    transformIndexHtml: () => [
      // First of all: it holds for what comes after it.
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content }, injectTo: "head-prepend" },
    ],
  };
}

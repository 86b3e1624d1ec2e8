import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

import { policy } from "./policy";
import { settings } from "./src/settings";

// Port 3000 is what the app registration names; a sign-in started from another would come back to nothing.
const server = { host: "localhost", port: 3000, strictPort: true };

export default defineConfig(({ mode }) => {
  const { authority, api } = settings(loadEnv(mode, "."));
  return {
    plugins: [react(), policy(authority, api.url)],
    server,
    preview: {
      ...server,
      // Our own hidden frames come back to redirect.html; nobody else frames a page of this app.
      headers: { "Content-Security-Policy": "frame-ancestors 'self'", "X-Content-Type-Options": "nosniff" },
    },
    build: { rollupOptions: { input: ["index.html", "redirect.html"] } },
  };
});

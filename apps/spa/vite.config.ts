import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Port 3000 is what the app registration names; a sign-in started from another would come back to nothing.
const server = { host: "localhost", port: 3000, strictPort: true };

export default defineConfig({
  plugins: [react()],
  server,
  preview: server,
  build: { rollupOptions: { input: ["index.html", "redirect.html"] } },
});

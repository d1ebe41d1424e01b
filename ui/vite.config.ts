import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The pages are built into the package; `npm run dev` serves them beside a server on port 8000.
const server = "http://127.0.0.1:8000";
const proxied = ["/api", "/health", "/openapi.json", "/docs", "/redoc"];

export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/evenfall/server/ui",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, server])) },
});

import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  // Where `make dev` runs. Not VITE_…, which would be in the page.
  const { LYCHGATE_SERVER = "http://127.0.0.1:8000" } = loadEnv(mode, ".", "LYCHGATE_");
  return {
    plugins: [react()],
    // For the browser, page and API have one origin: the refresh token is in a cookie that no script can read.
    server: { proxy: { "/api": LYCHGATE_SERVER } },
    // Plain modules, which find their style sheets by their own addresses.
    optimizeDeps: { exclude: ["lychgate"] },
    // The Content-Security-Policy of the site takes files as pictures, and no data: in a style sheet.
    build: { assetsInlineLimit: 0 },
  };
});

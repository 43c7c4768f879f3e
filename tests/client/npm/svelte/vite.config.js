import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  // The policy of the page allows no data: as pictures.
  build: { assetsInlineLimit: 0 },
});

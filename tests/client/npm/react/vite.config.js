import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The policy of the page allows no data: as pictures.
  build: { assetsInlineLimit: 0 },
});

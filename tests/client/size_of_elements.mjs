/** Prints what modules take once bundled, minified and compressed, without what they import when it is needed. */

import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

const [tools, folder, ...modules] = process.argv.slice(2);
const { build } = createRequire(`${tools}/`)("esbuild");
const later = {
  name: "leave out what is imported later",
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ kind, path }) => (kind === "dynamic-import" ? { path, external: true } : undefined)),
};
const kept = modules.map((module, index) =>
  module.startsWith("words/") ? `export { default as words${index} } from "./${module}";` : `export * from "./${module}";`,
);
const { outputFiles } = await build({
  stdin: { contents: kept.join("\n"), resolveDir: folder },
  bundle: true,
  minify: true,
  format: "esm",
  write: false,
  plugins: [later],
});
console.log(gzipSync(outputFiles[0].contents, { level: 9 }).length);

// Prints the modules of a QR code for each text of a JSON array on the standard input.

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

/** As a browser takes it: a module by itself, whatever this Node makes of the ending ".js". */
const source = await readFile(new URL("../../static-site/js/qr.js", import.meta.url), "utf8");
const { qrModules } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
const matrices = JSON.parse(await text(process.stdin)).map((each) => qrModules(each).map((row) => row.join("")));
process.stdout.write(JSON.stringify(matrices));

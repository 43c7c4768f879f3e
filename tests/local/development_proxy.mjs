// The proxy of a front end's development server: /api goes to the target, the rest is the page. As Vite's `server.proxy`
// does, it passes on every header; `changeOrigin` replaces the Host header, and never the Origin header.
// Prints its port, then takes the target's URL from the first line of its input.
import http from "node:http";
import readline from "node:readline";

const changeOrigin = process.argv[2] === "changeOrigin";
const lines = readline.createInterface({ input: process.stdin });
const target = new Promise((resolve) => lines.once("line", (line) => resolve(new URL(line))));

const server = http.createServer(async (request, response) => {
  if (!request.url.startsWith("/api")) {
    response.end("the page");
    return;
  }
  const { hostname, port, host } = await target;
  const headers = { ...request.headers, ...(changeOrigin ? { host } : {}) };
  const onward = http.request({ hostname, port, path: request.url, method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));

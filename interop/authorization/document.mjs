// The document of a client that is known by an address (a Client ID Metadata Document), over TLS.
//
//   node document.mjs --certificate FILE --key FILE
//
// It writes one line of JSON, {"document": "https://localhost:PORT/host.json"}, when it is ready, and
// ends when its standard input is closed.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { certificate: { type: "string" }, key: { type: "string" } } });
const server = createServer({ cert: readFileSync(values.certificate), key: readFileSync(values.key) });
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = `https://localhost:${server.address().port}/host.json`;

const body = JSON.stringify({
  client_id: address,
  client_name: "Interop host",
  redirect_uris: ["http://127.0.0.1/callback"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
});

server.on("request", (request, response) => {
  const found = request.url === "/host.json";
  response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(found ? body : "{}");
});
process.stdin.resume().on("end", () => process.exit(0));
process.stdout.write(`${JSON.stringify({ document: address })}\n`);

// A host built on the TypeScript SDK 1.x (`@modelcontextprotocol/sdk`), which knows only the
// revisions up to 2025-11-25. `--era` is therefore not used.

import { createRequire } from "node:module";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { carryOut, main, step } from "./contract.mjs";

// The SDK's export map hides its own package.json behind a `dist` redirect, so the lock file's
// version is read from the package directory.
const { version } = createRequire(import.meta.url)("../node_modules/@modelcontextprotocol/sdk/package.json");

await main("ts1", version, async (plan) => {
  const transport = plan.url
    ? new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers: plan.headers } })
    : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), cwd: plan.cwd });

  // The 1.x client keeps the negotiated version to itself but tells its transport.
  let protocolVersion;
  const inner = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (negotiated) => {
    protocolVersion = negotiated;
    inner?.(negotiated);
  };

  const client = new Client({ name: "interop-ts1", version });
  await step("connect", () => client.connect(transport));
  const report = await carryOut(plan, client);
  // Ends the session with DELETE, which a host should do and a gateway has to understand.
  if (plan.url) await step("terminate", () => transport.terminateSession());
  await step("close", () => client.close());
  return { protocolVersion, ...report };
});

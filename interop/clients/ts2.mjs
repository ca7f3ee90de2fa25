// A host built on the TypeScript SDK 2.x (`@modelcontextprotocol/client`). With `--era auto` it
// probes with `server/discover` and falls back to `initialize`; `modern` and `legacy` pin it.

import { createRequire } from "node:module";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { carryOut, main, step } from "./contract.mjs";

const { version } = createRequire(import.meta.url)("../node_modules/@modelcontextprotocol/client/package.json");
const MODERN = "2026-07-28";

await main("ts2", version, async (plan) => {
  const transport = plan.url
    ? new StreamableHTTPClientTransport(new URL(plan.url), { requestInit: { headers: plan.headers } })
    : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), cwd: plan.cwd });
  const mode = plan.era === "modern" ? { pin: MODERN } : plan.era;
  const client = new Client(
    { name: "interop-ts2", version },
    { versionNegotiation: { mode, probe: { timeoutMs: 5000 } } },
  );
  await step("connect", () => client.connect(transport));
  const protocolVersion = client.getNegotiatedProtocolVersion();
  const report = await carryOut(plan, client);
  if (plan.url && client.getProtocolEra() === "legacy") {
    await step("terminate", () => transport.terminateSession());
  }
  await step("close", () => client.close());
  return { protocolVersion, ...report };
});

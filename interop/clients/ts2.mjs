// A host built on the TypeScript SDK 2.x (`@modelcontextprotocol/client`). With `--era auto` it
// probes with `server/discover` and falls back to `initialize`; `modern` and `legacy` pin it.

import { createRequire } from "node:module";
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { carryOut, main, step } from "./contract.mjs";
import { SignIn } from "./sign_in.mjs";

const { version } = createRequire(import.meta.url)("../node_modules/@modelcontextprotocol/client/package.json");
const MODERN = "2026-07-28";

await main("ts2", version, async (plan) => {
  const signIn = plan.signIn && (await SignIn.open(plan.signIn));
  const mode = plan.era === "modern" ? { pin: MODERN } : plan.era;
  const open = () => {
    const transport = plan.url
      ? new StreamableHTTPClientTransport(new URL(plan.url), {
          requestInit: { headers: plan.headers },
          authProvider: signIn,
        })
      : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), cwd: plan.cwd });
    const client = new Client(
      { name: "interop-ts2", version },
      {
        versionNegotiation: { mode, probe: { timeoutMs: 5000 } },
        ...(plan.protocol && { supportedProtocolVersions: [plan.protocol] }),
      },
    );
    return { transport, client };
  };

  let { transport, client } = open();
  // Whoever has to sign in finishes that and does it again.
  const attempt = async (action, before = () => {}) => {
    try {
      return await action();
    } catch (error) {
      if (!(signIn && error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(signIn.answer());
      before();
      return action();
    }
  };
  await step("connect", () => attempt(() => client.connect(transport), () => ({ transport, client } = open())));
  const protocolVersion = client.getNegotiatedProtocolVersion();
  const report = await carryOut(plan, client, attempt);
  if (plan.url && client.getProtocolEra() === "legacy") {
    await step("terminate", () => transport.terminateSession());
  }
  await step("close", () => client.close());
  signIn?.close();
  return { protocolVersion, signIns: signIn?.count, ...report };
});

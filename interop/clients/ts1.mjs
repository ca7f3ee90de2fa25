// A host built on the TypeScript SDK 1.x (`@modelcontextprotocol/sdk`), which knows only the
// revisions up to 2025-11-25. `--era` is therefore not used.

import { createRequire } from "node:module";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { carryOut, main, step } from "./contract.mjs";
import { SignIn } from "./sign_in.mjs";

// The SDK's export map hides its own package.json behind a `dist` redirect, so the lock file's
// version is read from the package directory.
const { version } = createRequire(import.meta.url)("../node_modules/@modelcontextprotocol/sdk/package.json");

await main("ts1", version, async (plan) => {
  const signIn = plan.signIn && (await SignIn.open(plan.signIn));
  let protocolVersion;
  const open = () => {
    const transport = plan.url
      ? new StreamableHTTPClientTransport(new URL(plan.url), {
          requestInit: { headers: plan.headers },
          authProvider: signIn,
        })
      : new StdioClientTransport({ command: plan.command[0], args: plan.command.slice(1), cwd: plan.cwd });
    // The 1.x client keeps the negotiated version to itself but tells its transport.
    const inner = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = (negotiated) => {
      protocolVersion = negotiated;
      inner?.(negotiated);
    };
    return { transport, client: new Client({ name: "interop-ts1", version }) };
  };

  let { transport, client } = open();
  // Whoever has to sign in finishes that and does it again.
  const attempt = async (action, before = () => {}) => {
    try {
      return await action();
    } catch (error) {
      // This SDK answers a demand for more scopes with the refresh token, which brings the same ones
      // again. A host helps itself by forgetting what it has.
      if (signIn && error.code === 403 && signIn.tokens()) {
        signIn.saveTokens(undefined);
        return attempt(action, before);
      }
      if (!(signIn && error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(signIn.answer().get("code"));
      before();
      return action();
    }
  };
  await step("connect", () => attempt(() => client.connect(transport), () => ({ transport, client } = open())));
  const report = await carryOut(plan, client, attempt);
  // Ends the session with DELETE, which a host should do and a gateway has to understand.
  if (plan.url) await step("terminate", () => transport.terminateSession());
  await step("close", () => client.close());
  signIn?.close();
  return { protocolVersion, signIns: signIn?.count, ...report };
});

// The reference client of the conformance suite's client scenarios, on
// `@modelcontextprotocol/client`. The suite's variables say what to do:
//
//   MCP_CONFORMANCE_SCENARIO=tools_call MCP_CONFORMANCE_PROTOCOL_VERSION=2025-11-25 node client.mjs URL
//
// It exits with 1 and one line on stderr when a step fails that should not. What the suite wants to
// see, it sees at its own server.
//
// In the scenarios of `auth/`, the client that signs in at the suite's server is Portcullis. This
// program is the host in front of it, and the person: it opens the page that it is sent to.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const MODERN = "2026-07-28";
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === MODERN;

// Each scenario: what the client declares, and what it does once it is connected.
const scenarios = {
  initialize: { run: (client) => client.listTools() },

  tools_call: {
    async run(client) {
      await client.listTools();
      await client.callTool({ name: "add_numbers", arguments: { a: 5, b: 3 } });
    },
  },

  "request-metadata": {
    capabilities: { elicitation: {}, roots: { listChanged: true }, sampling: {} },
    run: (client) => client.listTools(),
  },

  "elicitation-sep1034-client-defaults": {
    // The SDK fills in the defaults of the fields that an answer leaves out.
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    async run(client) {
      client.setRequestHandler("elicitation/create", async () => ({ action: "accept", content: {} }));
      await client.listTools();
      await client.callTool({ name: "test_client_elicitation_defaults", arguments: {} });
    },
  },

  "sse-retry": {
    async run(client) {
      await client.listTools();
      await client.callTool({ name: "test_reconnection", arguments: {} });
    },
  },

  "sep-2322-client-request-state": {
    capabilities: { elicitation: {} },
    async run(client) {
      client.setRequestHandler("elicitation/create", async () => ({
        action: "accept",
        content: { confirmed: true },
      }));
      await client.listTools();
      for (const name of ["test_mrtr_echo_state", "test_mrtr_no_state", "test_mrtr_unrelated"]) {
        await client.callTool({ name, arguments: {} });
      }
      // The SDK refuses a modern result without `resultType`; that it does not call again is the
      // point.
      await unlessRefused(client.callTool({ name: "test_mrtr_no_result_type", arguments: {} }));
    },
  },

  "http-standard-headers": {
    async run(client) {
      const { tools } = await client.listTools();
      await client.callTool({ name: tools[0].name, arguments: {} });
      const { resources } = await client.listResources();
      await client.readResource({ uri: resources[0].uri });
      const { prompts } = await client.listPrompts();
      await client.getPrompt({ name: prompts[0].name, arguments: {} });
    },
  },

  "http-custom-headers": {
    async run(client) {
      await client.listTools();
      for (const call of context.toolCalls) {
        await client.callTool({ name: call.name, arguments: call.arguments });
      }
    },
  },

  "http-invalid-tool-headers": {
    async run(client) {
      const { tools } = await client.listTools();
      for (const { name } of tools) {
        await unlessRefused(client.callTool({ name, arguments: { region: "us-west1" } }));
      }
    },
  },

  "json-schema-ref-no-deref": { run: (client) => client.listTools() },

  "json-schema-2020-12-preservation": {
    async run(client) {
      const { tools } = await client.listTools();
      const schema = tools.find((tool) => tool.name === "json_schema_2020_12_tool").inputSchema;
      await client.callTool({ name: "json_schema_echo", arguments: { schema } });
    },
  },
};

const BROWSER = fileURLToPath(new URL("../clients/browser.mjs", import.meta.url));
/** More than any scenario needs, and few enough to end. */
const MOST_SIGN_INS = 4;

/** Lists and calls, and signs in as often as it is asked to. */
const signedIn = {
  capabilities: { elicitation: { url: {} } },
  async run(client) {
    // A modern server asks in its result, which the SDK answers and calls again.
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      await open(params.url);
      return { action: "accept" };
    });
    await client.listTools();
    for (let time = 0; ; time += 1) {
      try {
        await client.callTool({ name: "test-tool", arguments: {} });
        break;
      } catch (error) {
        // A legacy one says it with an error.
        const page = error.data?.elicitations?.[0]?.url ?? error.data?.url;
        if (page === undefined || time === MOST_SIGN_INS) throw error;
        await open(page);
      }
    }
    await client.listTools();
  },
};

async function open(page) {
  await promisify(execFile)(process.execPath, [BROWSER, page]);
}

// A client may refuse a call itself. Whether it should have, the suite judges.
async function unlessRefused(call) {
  try {
    await call;
  } catch (error) {
    process.stderr.write(`refused: ${error.message}\n`);
  }
}

async function main() {
  const plan = scenario.startsWith("auth/") ? signedIn : scenarios[scenario];
  if (!plan) throw new Error(`no scenario ${scenario}`);
  const client = new Client(
    { name: "portcullis-conformance", version: "1.0.0" },
    { capabilities: plan.capabilities ?? {}, versionNegotiation: { mode: modern ? "auto" : "legacy" } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
  await plan.run(client);
  await client.close();
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${scenario}: ${error.stack}\n`);
  process.exit(1);
}

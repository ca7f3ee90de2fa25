// A modern-era upstream: protocol 2026-07-28 only, built on `@modelcontextprotocol/server`.
//
//   node modern.mjs                  stdio
//   node modern.mjs --http [PORT]    HTTP on 127.0.0.1, path /mcp; port 0 (default) takes a free one
//
// Legacy messages are refused, so that a test which passes has really spoken the modern era.
// Over HTTP it prints one line on stdout when it listens: {"url":"http://127.0.0.1:PORT/mcp"}.
// The tool `headers` returns the HTTP headers of its own request, for tests of what a gateway
// forwards.

import { createServer } from "node:http";
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";

function build() {
  const server = new McpServer(
    { name: "modern", version: "1.0.0" },
    { instructions: "A small modern-era server for interoperability tests." },
  );
  server.registerTool(
    "echo",
    { description: "Returns the message.", inputSchema: z.object({ message: z.string() }), annotations: { readOnlyHint: true } },
    async ({ message }) => ({ content: [{ type: "text", text: message }] }),
  );
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
      annotations: { readOnlyHint: true },
    },
    async ({ a, b }) => ({ content: [{ type: "text", text: String(a + b) }], structuredContent: { sum: a + b } }),
  );
  server.registerTool(
    "headers",
    { description: "Returns the HTTP headers of this request.", annotations: { readOnlyHint: true } },
    async (context) => {
      const headers = Object.fromEntries(context.http?.req?.headers ?? []);
      return { content: [{ type: "text", text: JSON.stringify(headers) }] };
    },
  );
  server.registerResource(
    "about",
    "modern://about",
    { title: "About", description: "What this server is.", mimeType: "text/plain" },
    async (uri) => ({ contents: [{ uri: uri.href, mimeType: "text/plain", text: "A modern-era server." }] }),
  );
  server.registerPrompt(
    "greet",
    { description: "Greets somebody.", argsSchema: z.object({ name: z.string() }) },
    async ({ name }) => ({ messages: [{ role: "user", content: { type: "text", text: `Say hello to ${name}.` } }] }),
  );
  return server;
}

function report(error) {
  process.stderr.write(`modern: ${error.message}\n`);
}

const http = process.argv.indexOf("--http");
if (http === -1) {
  serveStdio(build, { legacy: "reject", onerror: report });
} else {
  const hostAllowed = localhostHostValidation();
  const originAllowed = localhostOriginValidation();
  const handle = toNodeHandler(createMcpHandler(build, { legacy: "reject", onerror: report }), { onerror: report });
  const listener = createServer((request, response) => {
    if (!hostAllowed(request, response) || !originAllowed(request, response)) return;
    if (new URL(request.url, "http://localhost").pathname !== "/mcp") {
      response.writeHead(404).end();
      return;
    }
    void handle(request, response);
  });
  listener.listen(Number(process.argv[http + 1] ?? 0), "127.0.0.1", () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${listener.address().port}/mcp` })}\n`);
  });
}

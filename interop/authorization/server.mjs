// A real authorization server, `oidc-provider`, for tests. It listens on 127.0.0.1 and writes one
// line of JSON, {"issuer": "..."}, when it is ready. It ends when its standard input is closed.
//
//   node server.mjs [--port N] [--config '{...}']
//
// The configuration, every part of it optional:
//   clients             client metadata (RFC 7591) besides those below
//   documents           { "<client id>": { ... } }: what is found at the addresses of client id
//                       metadata documents; nothing else is ever fetched
//   resources           [ "https://..." ]: the resources that tokens can be for; any https or
//                       loopback address when absent
//   scopes              the scopes of those resources
//   accessTokenSeconds  how long access tokens last
//   issuerParameter     false: authorization responses do not name the issuer (RFC 9207)
//
// Nobody has to click: whoever opens the authorization endpoint with a cookie jar is signed in as
// `login_hint`, else as alice, and consents to everything. The login hint "nobody" declines.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import Provider, { errors } from "oidc-provider";

const { values } = parseArgs({ options: { port: { type: "string" }, config: { type: "string" } } });
const config = JSON.parse(values.config ?? "{}");
const scopes = config.scopes ?? ["tools.read", "tools.write"];
const documents = new Map(Object.entries(config.documents ?? {}));
const REDIRECT = "http://127.0.0.1/callback";

const codeFlow = { grant_types: ["authorization_code", "refresh_token"], redirect_uris: [REDIRECT], application_type: "native" };
const ownName = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };
const clients = [
  { client_id: "public", token_endpoint_auth_method: "none", ...codeFlow },
  { client_id: "confidential", client_secret: "a secret: with + and %", token_endpoint_auth_method: "client_secret_basic", ...codeFlow },
  { client_id: "posting", client_secret: "posted-secret", token_endpoint_auth_method: "client_secret_post", ...ownName },
  { client_id: "service", client_secret: "service-secret", token_endpoint_auth_method: "client_secret_basic", ...ownName },
  ...(config.clients ?? []),
];

function key(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid: `key-${alg}`, alg, use: "sig" };
}

function resourceServer(resource) {
  const url = URL.parse(resource);
  const local = url?.protocol === "http:" && ["127.0.0.1", "localhost"].includes(url.hostname);
  const known = config.resources ? config.resources.includes(resource) : url?.protocol === "https:" || local;
  if (!known) {
    return undefined;
  }
  return {
    scope: scopes.join(" "),
    audience: resource,
    accessTokenFormat: "jwt",
    accessTokenTTL: config.accessTokenSeconds ?? 300,
    jwt: { sign: { alg: "RS256" } },
  };
}

const server = createServer();
await new Promise((resolve) => server.listen(Number(values.port ?? 0), "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients,
  scopes: ["openid", "offline_access", ...scopes],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
  expiresWithSession: () => false,
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
  clientBasedCORS: () => false,
  jwks: {
    keys: [
      key("rsa", { modulusLength: 2048 }, "RS256"),
      key("ec", { namedCurve: "P-256" }, "ES256"),
    ],
  },
  cookies: { keys: ["only for tests"] },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 300, ClientCredentials: 300, RefreshToken: 86400, IdToken: 300, Interaction: 600, Session: 600, Grant: 86400 },
  enabledJWA: {
    clientAuthSigningAlgValues: ["ES256", "RS256", "PS256", "EdDSA"],
    dPoPSigningAlgValues: ["ES256", "EdDSA"],
  },
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.clientAuthMethod !== "none" },
    revocation: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true },
    dPoP: { enabled: true },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    clientIdMetadataDocument: { enabled: true, ack: "draft-02", allowFetch: () => true, allowClient: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => {
        const found = resourceServer(resource);
        if (!found) {
          throw new errors.InvalidTarget();
        }
        return found;
      },
    },
  },
  async fetch(url) {
    const document = documents.get(String(url));
    return document === undefined
      ? new Response("", { status: 404 })
      : Response.json(document);
  },
});

/** Signs in and consents in the person's place. */
async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (params.login_hint === "nobody") {
    const result = { error: "access_denied", error_description: "nobody does not want to" };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  if (prompt.name === "login") {
    const login = { accountId: params.login_hint ?? "alice", amr: ["pwd", "otp"], acr: "urn:lab:mfa" };
    return provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? "openid");
  for (const resource of [params.resource ?? []].flat()) {
    grant.addResourceScope(resource, params.scope ?? scopes.join(" "));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
server.on("request", (request, response) => {
  // RFC 8414 beside OpenID Connect Discovery: the same document.
  if (request.url === "/.well-known/oauth-authorization-server") {
    request.url = "/.well-known/openid-configuration";
  }
  if (config.issuerParameter === false && request.url === "/.well-known/openid-configuration") {
    return hideIssuerParameter(request, response);
  }
  if (request.url.startsWith("/interaction/")) {
    return interact(request, response).catch((error) => response.writeHead(400).end(String(error)));
  }
  return answer(request, response);
});

/** Announces no `iss` in authorization responses, although they have it. */
function hideIssuerParameter(request, response) {
  const end = response.end.bind(response);
  response.end = (body) => {
    const document = JSON.parse(body);
    delete document.authorization_response_iss_parameter_supported;
    const text = JSON.stringify(document);
    response.setHeader("content-length", Buffer.byteLength(text));
    return end(text);
  };
  return answer(request, response);
}

process.stdin.resume().on("end", () => process.exit(0));
process.stdout.write(`${JSON.stringify({ issuer })}\n`);

// msal-node, told what to do: one JSON object a line on standard input, one answer a line on standard output.
import { createInterface } from "node:readline";

import { AuthError, ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";

const settings = JSON.parse(process.argv[2]);
const { client_id: clientId, authority, redirect_uri: redirectUri } = settings;
const apps = new Map();
const flows = new Map();

/** The client with this secret; each has a token cache of its own. */
function app(clientSecret = settings.secret) {
  if (!apps.has(clientSecret)) {
    const knownAuthorities = [new URL(authority).host];
    apps.set(clientSecret, new ConfidentialClientApplication({ auth: { clientId, clientSecret, authority, knownAuthorities } }));
  }
  return apps.get(clientSecret);
}

const commands = {
  app: ({ scopes, secret }) => app(secret).acquireTokenByClientCredential({ scopes }),

  async begin({ scopes }) {
    const crypto = new CryptoProvider();
    const { verifier, challenge } = await crypto.generatePkceCodes();
    const state = crypto.createNewGuid();
    const nonce = crypto.createNewGuid();
    flows.set(state, { verifier, nonce });
    const url = await app().getAuthCodeUrl({
      scopes, redirectUri, state, nonce, codeChallenge: challenge, codeChallengeMethod: "S256",
    });
    return { url };
  },

  async redeem({ scopes, returned }) {
    const { state } = returned;
    const { verifier: codeVerifier, nonce } = flows.get(state);
    flows.delete(state);
    return app().acquireTokenByCode({ scopes, redirectUri, codeVerifier, state, nonce, code: returned.code }, { ...returned, nonce });
  },

  async silent({ scopes, account_id, force = false }) {
    const account = await app().getTokenCache().getAccountByHomeId(account_id);
    return app().acquireTokenSilent({ scopes, account, forceRefresh: force });
  },

  obo: ({ scopes, assertion }) => app().acquireTokenOnBehalfOf({ scopes, oboAssertion: assertion }),
};

/** What the library gave, in the words that all witnesses use. */
function answer(result) {
  if (result.url) return result;
  return {
    token: result.accessToken,
    source: result.fromCache ? "cache" : "entra",
    account: result.account?.homeAccountId,
    username: result.account?.username,
  };
}

function refusal(error) {
  if (!(error instanceof AuthError)) return { failed: String(error.stack) };
  const { name: type, errorCode, errorNo, subError } = error;
  return { refused: { type, error: errorCode, aadsts: errorNo === undefined ? undefined : Number(errorNo), suberror: subError } };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...command } = JSON.parse(line);
  const said = await commands[name](command).then(answer, refusal).catch(refusal);
  console.log(JSON.stringify(said));
}

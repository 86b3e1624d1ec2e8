import {
  type AccountInfo,
  type IPublicClientApplication,
  InteractionRequiredAuthError,
} from "@azure/msal-browser";

import { api } from "./authConfig";

/** What the web API says of its caller. */
export const fields = ["displayName", "givenName", "department", "employeeId", "city", "country"] as const;
export type Profile = Record<(typeof fields)[number], string | null>;

/** How a call ended. All but the first need somebody: the user, or whoever runs the API. */
export type Outcome =
  | { kind: "profile"; profile: Profile; milliseconds: number }
  /** She must sign in: MSAL says so, or the API does, possibly with the claims that it wants. */
  | { kind: "interaction"; from: "entra" | "api"; reason?: string; claims?: string }
  | { kind: "unauthorized"; reason?: string }
  | { kind: "forbidden" }
  | { kind: "unreachable" }
  | { kind: "later"; seconds: number }
  | { kind: "failed"; status: number; correlationId?: string };

/** Calls the API as this account: from the cache if it can, silently from Entra if it must, never with a question. */
export async function callApi(
  msal: IPublicClientApplication,
  account: AccountInfo,
  signal: AbortSignal,
): Promise<Outcome> {
  let token: string;
  try {
    token = (await msal.acquireTokenSilent({ scopes: api.scopes, account })).accessToken;
  } catch (error) {
    if (!(error instanceof InteractionRequiredAuthError)) throw error;
    const reason = error.errorNo ? `AADSTS${error.errorNo}` : error.errorCode;
    return { kind: "interaction", from: "entra", reason, claims: error.claims || undefined };
  }
  const started = performance.now();
  let response: Response;
  try {
    response = await fetch(`${api.url}/api/profile`, { headers: { Authorization: `Bearer ${token}` }, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    // A browser does not say whether nobody answered or CORS forbids reading the answer.
    return { kind: "unreachable" };
  }
  if (response.ok) {
    const profile = (await response.json()) as Profile;
    return { kind: "profile", profile, milliseconds: performance.now() - started };
  }
  const body = await refusal(response);
  if (response.status === 401) {
    const challenge = parseChallenge(response.headers.get("WWW-Authenticate") ?? "");
    if (challenge.claims) {
      const claims = decodeClaims(challenge.claims);
      if (claims) return { kind: "interaction", from: "api", reason: body.reason, claims };
    }
    if (challenge.error === "interaction_required") return { kind: "interaction", from: "api", reason: body.reason };
    return { kind: "unauthorized", reason: challenge.error_description ?? challenge.error };
  }
  if (response.status === 403) return { kind: "forbidden" };
  if (response.status === 429 || response.status === 503) {
    return { kind: "later", seconds: Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 10 };
  }
  return { kind: "failed", status: response.status, correlationId: body.correlationId };
}

async function refusal(response: Response): Promise<{ reason?: string; correlationId?: string }> {
  try {
    const body = (await response.json()) as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    return { reason: text(body.reason), correlationId: text(body.correlation_id) };
  } catch {
    return {};
  }
}

/** The parameters of a `Bearer` challenge (RFC 9110, 11.2). */
export function parseChallenge(header: string): Record<string, string | undefined> {
  const found: Record<string, string> = {};
  if (!/^\s*bearer\b/i.test(header)) return found;
  for (const [, name, quoted, plain] of header.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    if (name) found[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
  }
  return found;
}

/** The claims of a challenge: base64, either alphabet. Nothing unless it is a JSON object. */
export function decodeClaims(base64: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(base64.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const claims: unknown = JSON.parse(text);
    return typeof claims === "object" && claims !== null && !Array.isArray(claims) ? text : undefined;
  } catch {
    return undefined;
  }
}

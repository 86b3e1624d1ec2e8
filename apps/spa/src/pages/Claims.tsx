import type { AccountInfo } from "@azure/msal-browser";

const meaning: Record<string, string> = {
  aud: "For whom the token is: this app's client id",
  iss: "Who issued it",
  iat: "Issued at",
  nbf: "Not valid before",
  exp: "Expires",
  name: "Display name",
  nonce: "Ties it to this app's request",
  oid: "The user's object id, the same in all apps",
  preferred_username: "User name, for display only: it can change",
  sub: "The user, as this app alone knows her",
  tid: "The user's tenant",
  sid: "Session",
  uti: "The token's own id",
  aio: "For Microsoft's own use",
  rh: "For Microsoft's own use",
  ver: "Version",
  auth_time: "When she signed in",
  login_hint: "Names the account at the next sign-in",
};

/** What the ID token says. The token itself is never shown. */
export function Claims({ account }: { account: AccountInfo }) {
  const claims = Object.entries(account.idTokenClaims ?? {});
  return (
    <>
      <h1>ID token</h1>
      <p className="lead">What Entra told this app about {account.name ?? account.username}.</p>
      <section className="card" aria-label="Claims">
        <dl className="claims">
          {claims.map(([name, value]) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
                {meaning[name] && <span>{meaning[name]}</span>}
              </dt>
              <dd>{show(name, value)}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}

function show(name: string, value: unknown): string {
  if (typeof value === "number" && ["iat", "nbf", "exp", "auth_time"].includes(name)) {
    return new Date(value * 1000).toLocaleString();
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

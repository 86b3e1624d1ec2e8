// The one file to change. Each value can also be set when building: VITE_CLIENT_ID=… npm run build
import { BrowserCacheLocation, type Configuration, LogLevel } from "@azure/msal-browser";

const env = import.meta.env;

/** This app's registration: a single-page app with the redirect URI http://localhost:3000/redirect.html. */
const clientId = env.VITE_CLIENT_ID ?? "44444444-1234-4567-89ab-000000000004";

/** Entra ID: https://login.microsoftonline.com/{tenant id}. As it stands, the local emulator. */
const authority = env.VITE_AUTHORITY ?? "https://localhost:8400/22222222-dddd-4eee-8fff-000000000002";

/** The web API's address, and what is asked for: all it and its own upstream APIs are registered for. */
export const api = {
  url: env.VITE_API_URL ?? "http://localhost:44351",
  scopes: [env.VITE_API_SCOPE ?? "api://33333333-1234-4567-89ab-000000000003/.default"],
};

// MSAL knows Microsoft's own hosts. Any other must be named, with its port, or it is not asked at all.
const host = new URL(authority).host;
const knownAuthorities = host.endsWith(".microsoftonline.com") ? [] : [host];

export const msalConfig: Configuration = {
  auth: {
    clientId,
    authority,
    knownAuthorities,
    redirectUri: "/redirect.html",
    postLogoutRedirectUri: "/",
    // "I can answer claims challenges." Without it Entra never sends one.
    clientCapabilities: ["CP1"],
  },
  cache: { cacheLocation: BrowserCacheLocation.LocalStorage },
  system: {
    // A person may take her time with a password. The page does not wait: see `session.tsx`.
    popupBridgeTimeout: 10 * 60_000,
    loggerOptions: {
      logLevel: LogLevel.Warning,
      piiLoggingEnabled: false,
      loggerCallback: (level, message, containsPii) => {
        if (!containsPii) (level === LogLevel.Error ? console.error : console.warn)(message);
      },
    },
  },
};

/** Asked for at sign-in: the API's permissions at once, so that the user consents once. */
export const loginRequest = { scopes: api.scopes };

// MSAL's configuration, as the sample has it. The values in it are in `settings.ts`.
import { BrowserCacheLocation, type Configuration, LogLevel } from "@azure/msal-browser";

import { settings } from "./settings";

const { clientId, authority, api } = settings(import.meta.env);
export { api };

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

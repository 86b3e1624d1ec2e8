import { type AuthenticationResult, PublicClientApplication } from "@azure/msal-browser";
import { MsalProvider } from "@azure/msal-react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { msalConfig } from "./authConfig";
import { CALL_AFTER, SessionProvider } from "./session";
import "./style.css";

const msal = new PublicClientApplication(msalConfig);
await msal.initialize();

// The answer to a redirect, if this is the return from one. What went wrong is shown, not thrown.
let answer: AuthenticationResult | null = null;
let problem: unknown = null;
try {
  answer = await msal.handleRedirectPromise();
} catch (error) {
  problem = error;
}
const chosen = answer?.account ?? msal.getActiveAccount() ?? msal.getAllAccounts()[0];
if (chosen) msal.setActiveAccount(chosen);

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no root");
createRoot(root).render(
  <StrictMode>
    <MsalProvider instance={msal}>
      <SessionProvider initial={problem}>
        <App callAtOnce={answer?.state === CALL_AFTER} />
      </SessionProvider>
    </MsalProvider>
  </StrictMode>,
);

import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";

broadcastResponseToMainFrame().catch(() => {
  // Opened by hand, or from a bookmark: there is no answer to hand on.
  window.location.replace("/");
});

// The values to change for another tenant. Each can also be set when building: VITE_CLIENT_ID=… npm run build

/** `env`: what starts with VITE_ in the environment or in a `.env` file. */
export function settings(env: Record<string, string | undefined>) {
  return {
    /** This app's registration: a single-page app with the redirect URI http://localhost:3000/redirect.html. */
    clientId: env.VITE_CLIENT_ID ?? "44444444-1234-4567-89ab-000000000004",

    /** Entra ID: https://login.microsoftonline.com/{tenant id}. As it stands, the local emulator. */
    authority: env.VITE_AUTHORITY ?? "https://localhost:8400/22222222-dddd-4eee-8fff-000000000002",

    /** The web API's address, and what is asked for: all it and its own upstream APIs are registered for. */
    api: {
      url: env.VITE_API_URL ?? "http://localhost:44351",
      scopes: [env.VITE_API_SCOPE ?? "api://33333333-1234-4567-89ab-000000000003/.default"],
    },
  };
}

import { AuthError } from "@azure/msal-browser";

import type { Outcome } from "./api";
import { api, msalConfig } from "./authConfig";

/** What is said to the user: what happened, and what to do next. */
export type Message = {
  tone: "note" | "error";
  title: string;
  text: string;
  /** What she can do about it by a click. */
  offer?: "sign-in" | "sign-in-here" | "authorize" | "call-again";
  detail?: string;
};

export const popupOpen: Message = {
  tone: "note",
  title: "A sign-in window is open",
  text: "Finish there and this page goes on by itself. If you lost sight of the window, start again.",
  offer: "sign-in",
};

export const popupClosed: Message = {
  tone: "note",
  title: "The sign-in window is closed",
  text: "If you did not finish there, you can start again at once.",
  offer: "sign-in",
};

/** What a failed sign-in means. Nothing for one that another replaced, or that was left. */
export function ofError(error: unknown): Message | null {
  const code = error instanceof AuthError ? error.errorCode : "";
  const text = error instanceof Error ? error.message : String(error);
  const number = /AADSTS\d+/.exec(text)?.[0];
  switch (code) {
    case "interaction_in_progress_cancelled":
    case "no_token_request_cache_error": // the page was loaded again while a window was open
      return null;
    case "popup_window_error":
    case "empty_window_error":
      return {
        tone: "error",
        title: "Your browser blocked the sign-in window",
        text: "Allow pop-up windows for this page and try again, or sign in on this page instead.",
        offer: "sign-in-here",
      };
    case "user_cancelled":
    case "timed_out":
      return popupClosed;
    case "interaction_in_progress":
      return {
        tone: "error",
        title: "Another sign-in is under way",
        text: "Finish it in its window, or reload this page and start again.",
      };
    case "access_denied":
    case "consent_required":
      return {
        tone: "error",
        title: "The permissions were not given",
        text: "Without them this app cannot read your profile. Nothing was stored. Sign in again if you change your mind.",
        offer: "sign-in",
        detail: number,
      };
    case "no_network_connectivity":
    case "post_request_failed":
    case "get_request_failed":
    case "network_error":
    case "endpoints_resolution_error":
    case "openid_config_error":
      return {
        tone: "error",
        title: "Entra does not answer",
        text: `Nobody answers at ${new URL(msalConfig.auth.authority ?? "").origin}, or this browser does not trust its certificate. Open that address once to see which.`,
        offer: "sign-in",
        detail: code,
      };
    default:
      return {
        tone: "error",
        title: "That did not work",
        text: "Try again. If it fails again, the detail below tells whoever runs this app why.",
        offer: "sign-in",
        detail: number ?? (code || text.slice(0, 200)),
      };
  }
}

/** What an answer of the API means. Nothing when it is the profile. */
export function ofOutcome(outcome: Outcome): Message | null {
  switch (outcome.kind) {
    case "profile":
      return null;
    case "interaction":
      return outcome.claims
        ? {
            tone: "note",
            title: "One more step is needed",
            text: "The API wants you to confirm that it is you before it goes on. You will come back here.",
            offer: "authorize",
            detail: outcome.reason,
          }
        : {
            tone: "note",
            title: "Please sign in again",
            text:
              outcome.from === "entra"
                ? "Your sign-in is no longer valid. That happens after a while, after a new password, or when somebody ended your sessions."
                : "The API may no longer act for you. That happens after a new password, or when somebody ended your sessions.",
            offer: "authorize",
            detail: outcome.reason,
          };
    case "unauthorized":
      return {
        tone: "error",
        title: "The API did not accept your token (401)",
        text: "This app and the API may be set up for different directories. Signing in again helps if the token was just too old.",
        offer: "authorize",
        detail: outcome.reason,
      };
    case "forbidden":
      return {
        tone: "error",
        title: "You may not do this (403)",
        text: "Your token is valid, but it does not hold a permission that opens this API. Ask whoever runs it.",
      };
    case "unreachable":
      return {
        tone: "error",
        title: "The web API does not answer",
        text: `Is it running at ${api.url}, and does it allow calls from ${window.location.origin} (its setting Cors:AllowedOrigins)? A browser cannot tell the two apart.`,
        offer: "call-again",
      };
    case "later":
      return {
        tone: "error",
        title: "The web API is busy",
        text: `It asks to be left alone for ${outcome.seconds} seconds.`,
        offer: "call-again",
      };
    case "failed":
      return {
        tone: "error",
        title: `The web API failed (${outcome.status})`,
        text: "Try again later. Its log has the reason.",
        offer: "call-again",
        detail: outcome.correlationId && `Correlation id ${outcome.correlationId}`,
      };
  }
}

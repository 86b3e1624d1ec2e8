import type { AccountInfo } from "@azure/msal-browser";
import { useMsal } from "@azure/msal-react";
import { useCallback, useEffect, useRef, useState } from "react";

import { callApi, fields, type Outcome } from "../api";
import { api } from "../authConfig";
import { type Message, ofError, ofOutcome } from "../messages";
import { Details } from "../parts/Details";
import { Notice } from "../parts/Notice";
import { useSession, type Way } from "../session";

const names: Record<(typeof fields)[number], string> = {
  displayName: "Display name",
  givenName: "Given name",
  department: "Department",
  employeeId: "Employee id",
  city: "City",
  country: "Country",
};

/** One account's profile. The caller gives it the account as key: nothing of one account is shown for another. */
export function ProfilePage({ account, callAtOnce }: { account: AccountInfo; callAtOnce: boolean }) {
  const { instance } = useMsal();
  const session = useSession();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [failure, setFailure] = useState<Message | null>(null);
  const [calling, setCalling] = useState(false);
  const call = useRef<AbortController | null>(null);

  const begin = useCallback(async () => {
    call.current?.abort();
    const mine = new AbortController();
    call.current = mine;
    setCalling(true);
    setFailure(null);
    try {
      const answer = await callApi(instance, account, mine.signal);
      if (!mine.signal.aborted) setOutcome(answer);
    } catch (error) {
      if (!mine.signal.aborted) {
        setOutcome(null);
        setFailure(ofError(error));
      }
    }
    if (!mine.signal.aborted) setCalling(false);
  }, [instance, account]);

  // Leaving the page, or the account, ends its call.
  useEffect(() => () => call.current?.abort(), []);
  const atOnce = useRef(callAtOnce);
  useEffect(() => {
    if (!atOnce.current) return;
    atOnce.current = false;
    void begin();
  }, [begin]);

  const again = async (way: Way) => {
    const claims = outcome?.kind === "interaction" ? outcome.claims : undefined;
    if (await session.authorize(way, account, claims)) await begin();
  };
  const message = failure ?? (outcome && ofOutcome(outcome));
  return (
    <>
      <h1>{account.name ?? account.username}</h1>
      <p className="lead">
        You are signed in as <strong>{account.username}</strong>.
      </p>
      <div className="actions">
        <button type="button" className="main" onClick={begin} aria-busy={calling}>
          {calling ? "Calling…" : "Call Web API"}
        </button>
      </div>
      {message && (
        <Notice message={message}>
          {(message.offer === "authorize" || message.offer === "sign-in") && (
            <>
              <button type="button" onClick={() => again("window")}>
                Continue in a window
              </button>
              <button type="button" onClick={() => again("page")}>
                Continue on this page
              </button>
            </>
          )}
          {message.offer === "call-again" && (
            <button type="button" onClick={begin}>
              Call again
            </button>
          )}
        </Notice>
      )}
      <div aria-live="polite">
        {outcome?.kind === "profile" && (
          <section className="card" aria-labelledby="profile">
            <h2 id="profile">What the web API says</h2>
            <Details rows={fields.map((field) => [names[field], outcome.profile[field] ?? "–"])} />
            <p className="quiet">
              <code>GET {api.url}/api/profile</code> answered in {Math.round(outcome.milliseconds)} ms. It asked Microsoft Graph on
              your behalf.
            </p>
          </section>
        )}
      </div>
    </>
  );
}

// Who is signed in, and the ways to sign in and out. Everything that asks the user something is here.
import {
  type AccountInfo,
  EventType,
  type IPublicClientApplication,
  type PopupRequest,
  type RedirectRequest,
} from "@azure/msal-browser";
import { useMsal } from "@azure/msal-react";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";

import { loginRequest } from "./authConfig";
import { type Message, ofError, popupClosed, popupOpen } from "./messages";

/** In a window of its own, or by leaving this page and coming back. */
export type Way = "window" | "page";

type Request = Pick<PopupRequest & RedirectRequest, "scopes" | "prompt" | "account" | "claims" | "loginHint" | "state">;

/** Carried through a redirect: go on with the call that needed it. */
export const CALL_AFTER = "call";

export type Session = {
  accounts: AccountInfo[];
  account: AccountInfo | null;
  /** What there is to say about signing in. */
  message: Message | null;
  dismiss(): void;
  signIn(way: Way): Promise<void>;
  /** Asks once more what was asked last. */
  again(way: Way): Promise<void>;
  /** Asks Entra again for this account, with claims if an API wants some. Whether it was given, on this page. */
  authorize(way: Way, account: AccountInfo, claims?: string): Promise<boolean>;
  switchTo(account: AccountInfo): void;
  signOut(account: AccountInfo): Promise<void>;
};

const Context = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error("There is no session here");
  return session;
}

/**
 * Ends a sign-in that waits for a window nobody will finish. MSAL hears nothing of a window closed by hand and would refuse
 * every other interaction until it times out; the one way to end it is a newer one, and this one opens nothing.
 */
async function abandon(msal: IPublicClientApplication): Promise<void> {
  const nowhere = {
    open() {
      throw new Error("nothing is opened");
    },
  };
  const request: PopupRequest = {
    ...loginRequest,
    overrideInteractionInProgress: true,
    popupWindowParent: nowhere as unknown as Window,
  };
  await msal.acquireTokenPopup(request).catch(() => undefined);
}

export function SessionProvider({ initial, children }: { initial: unknown; children: ReactNode }) {
  const { instance: msal, accounts } = useMsal();
  const [message, setMessage] = useState<Message | null>(() => (initial ? ofError(initial) : null));
  const popup = useRef<Window | null>(null);
  const latest = useRef(0);
  const asked = useRef<Request>({ ...loginRequest, prompt: "select_account" });
  const [activeId, setActiveId] = useState(() => msal.getActiveAccount()?.homeAccountId);
  // Whoever signed out in another tab is gone here too.
  const account = accounts.find((one) => one.homeAccountId === activeId) ?? accounts[0] ?? null;

  // Looks whether the window is still there. What it sees is only said, never acted on: a page that isolates itself from
  // its opener looks closed to it, and its answer still arrives.
  useEffect(() => {
    const id = msal.addEventCallback((event) => {
      if (event.payload && "popupWindow" in event.payload) popup.current = event.payload.popupWindow as Window;
    }, [EventType.POPUP_OPENED]);
    return () => {
      if (id) msal.removeEventCallback(id);
    };
  }, [msal]);

  const choose = useCallback(
    (account: AccountInfo) => {
      msal.setActiveAccount(account); // for the next visit
      setActiveId(account.homeAccountId);
    },
    [msal],
  );

  const inWindow = useCallback(
    async (request: PopupRequest): Promise<AccountInfo | null> => {
      const turn = ++latest.current;
      popup.current?.close();
      popup.current = null;
      setMessage(popupOpen);
      const watch = window.setInterval(() => {
        if (turn === latest.current && popup.current?.closed) {
          setMessage(popupClosed);
          window.clearInterval(watch);
        }
      }, 400);
      try {
        const result = await msal.acquireTokenPopup({ ...request, overrideInteractionInProgress: true });
        choose(result.account);
        if (turn === latest.current) setMessage(null);
        return result.account;
      } catch (error) {
        if (turn === latest.current) setMessage(ofError(error));
        return null;
      } finally {
        window.clearInterval(watch);
        if (turn === latest.current) popup.current = null;
      }
    },
    [msal, choose],
  );

  /** Leaves the page; comes back through `main.tsx`. */
  const onPage = useCallback(
    async (leave: () => Promise<void>) => {
      latest.current++;
      popup.current?.close();
      popup.current = null;
      setMessage(null);
      try {
        await abandon(msal);
        await leave();
      } catch (error) {
        setMessage(ofError(error));
      }
    },
    [msal],
  );

  const ask = useCallback(
    async (way: Way, request: Request): Promise<AccountInfo | null> => {
      asked.current = request;
      if (way === "window") return inWindow(request);
      await onPage(() => msal.acquireTokenRedirect(request));
      return null;
    },
    [msal, inWindow, onPage],
  );

  const session = useMemo<Session>(
    () => ({
      accounts,
      account,
      message,
      dismiss: () => setMessage(null),
      async signIn(way) {
        await ask(way, { ...loginRequest, prompt: "select_account" });
      },
      async authorize(way, account, claims) {
        const given = await ask(way, { ...loginRequest, account, claims, loginHint: account.username, state: CALL_AFTER });
        return given !== null;
      },
      async again(way) {
        await ask(way, asked.current);
      },
      switchTo(account) {
        setMessage(null);
        choose(account);
      },
      async signOut(account) {
        await onPage(() => msal.logoutRedirect({ account, logoutHint: account.username }));
      },
    }),
    [accounts, account, message, msal, choose, ask, onPage],
  );
  return <Context value={session}>{children}</Context>;
}


import type { AccountInfo } from "@azure/msal-browser";
import { type KeyboardEvent, useEffect, useRef } from "react";

import { useSession } from "../session";

/** Who is signed in; the others to switch to; sign-out. */
export function Accounts({ account }: { account: AccountInfo }) {
  const session = useSession();
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => {
    if (menu.current) menu.current.open = false;
  };
  const byKey = (event: KeyboardEvent) => {
    if (event.key === "Escape" && menu.current?.open) {
      close();
      menu.current.querySelector("summary")?.focus();
    }
  };
  useEffect(() => {
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !menu.current?.contains(event.target)) close();
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  });
  const others = session.accounts.filter((other) => other.homeAccountId !== account.homeAccountId);
  const then = (act: () => unknown) => () => {
    close();
    act();
  };
  return (
    <details className="accounts" ref={menu} onKeyDown={byKey}>
      <summary title={account.username}>
        <span className="initial" aria-hidden="true">
          {(account.name ?? account.username).slice(0, 1)}
        </span>
        <span className="name">{account.name ?? account.username}</span>
      </summary>
      <div className="menu">
        <p className="quiet">Signed in as {account.username}</p>
        {others.length > 0 && (
          <ul aria-label="Other accounts">
            {others.map((other) => (
              <li key={other.homeAccountId}>
                <button type="button" onClick={then(() => session.switchTo(other))}>
                  Switch to {other.name ?? other.username}
                </button>
              </li>
            ))}
          </ul>
        )}
        <button type="button" onClick={then(() => session.signIn("window"))}>
          Add an account in a window
        </button>
        <button type="button" onClick={then(() => session.signIn("page"))}>
          Add an account on this page
        </button>
        <button type="button" onClick={then(() => session.signOut(account))}>
          Sign out {account.name ?? account.username}
        </button>
      </div>
    </details>
  );
}

import { useEffect, useRef } from "react";

import { Claims } from "./pages/Claims";
import { ProfilePage } from "./pages/ProfilePage";
import { Welcome } from "./pages/Welcome";
import { Accounts } from "./parts/Accounts";
import { Link } from "./parts/Link";
import { Notice } from "./parts/Notice";
import { usePath } from "./route";
import { useSession } from "./session";

const pages = { "/": "Profile", "/claims": "ID token" } as const;

export function App({ callAtOnce }: { callAtOnce: boolean }) {
  const session = useSession();
  const [path] = usePath();
  const main = useRef<HTMLElement>(null);
  const account = session.account;
  const title = account ? (pages[path as keyof typeof pages] ?? "No such page") : "Welcome";
  const shown = useRef(title);

  useEffect(() => {
    document.title = `${title} · Contoso SPA`;
    // A reader of the screen hears of a new page when it gets the focus; the first has it anyway.
    if (shown.current !== title) {
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    shown.current = title;
  }, [title]);

  const offers = session.message?.offer;
  return (
    <>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header>
        <Link className="brand" to="/">
          Contoso SPA
        </Link>
        {account && (
          <nav aria-label="Pages">
            {Object.entries(pages).map(([to, name]) => (
              <Link key={to} to={to} current={to === path}>
                {name}
              </Link>
            ))}
          </nav>
        )}
        {account && <Accounts account={account} />}
      </header>
      <main id="content" ref={main} tabIndex={-1}>
        {session.message && (
          <Notice message={session.message} onDismiss={session.dismiss}>
            {(offers === "sign-in" || offers === "authorize") && (
              <button type="button" onClick={() => session.again("window")}>
                Start again
              </button>
            )}
            {offers && (
              <button type="button" onClick={() => session.again("page")}>
                Sign in on this page
              </button>
            )}
          </Notice>
        )}
        {!account ? (
          <Welcome />
        ) : path === "/" ? (
          <ProfilePage key={account.homeAccountId} account={account} callAtOnce={callAtOnce} />
        ) : path === "/claims" ? (
          <Claims key={account.homeAccountId} account={account} />
        ) : (
          <>
            <h1>There is no such page</h1>
            <p>
              <Link to="/">Go to your profile</Link>
            </p>
          </>
        )}
      </main>
      <footer>A sample of absentia: it acts for you while you are here, and its worker while you are not.</footer>
    </>
  );
}

import { useSession } from "../session";

export function Welcome() {
  const { signIn } = useSession();
  return (
    <>
      <h1>Welcome</h1>
      <p className="lead">Sign in, and the web API reads your profile from Microsoft Graph in your name.</p>
      <div className="actions">
        <button type="button" className="main" onClick={() => signIn("window")}>
          Sign in
        </button>
        <button type="button" onClick={() => signIn("page")}>
          Sign in on this page
        </button>
      </div>
      <p className="quiet">
        The first opens a window; the second leaves this page and comes back. You sign in once. A background worker can then act
        for you, with what you allow and nothing more.
      </p>
    </>
  );
}

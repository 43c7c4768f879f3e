// Components, the hook and, in React 19, the elements by their own names. As in plain.ts, what is wrong is expected to be.
import "lychgate/elements/sign-in";
import { Account, Guard, MailLink, SignIn, useSession, User, whenFresh, type SessionState } from "lychgate/react";
import { useEffect } from "react";

function Page() {
  const session: SessionState = useSession({ api: "/api", storage: "memory" });
  const { user, isLoading, error, client } = session;
  useEffect(() => client?.onChange(({ type }) => console.log(type)), [client]);
  // @ts-expect-error there is no client on a server
  client.close();
  void whenFresh((same) => same.logoutEverywhere(), { api: "/api" }).then((isHeard) => isHeard.valueOf());
  // @ts-expect-error nobody may be logged in
  const name: string = user.username;

  return (
    <main>
      <SignIn
        api="/api"
        after="/members/"
        return
        lang="de"
        className="card"
        style={{ margin: "auto" }}
        onLoggedIn={({ detail }) => console.log(detail.user.roles.length, name)}
        onLoggedOut={(event) => event.detail.why.trim()}
        onError={(event) => event.detail.error}
        onStepUp={(event) => event.type}
      />
      <Account storage="cookie" />
      <User signIn="/" account="/account/" />
      <Guard forRole="buyer" signIn="/">
        {isLoading ? "…" : String(error)}
        <p data-part="logged-out">Log in first.</p>
      </Guard>
      <MailLink signIn="/" account="/account/" />
      <lychgate-sign-in api="/api" after="/members/" class="card"></lychgate-sign-in>
      <lychgate-user sign-in="/" account="/account/" />
      <lychgate-guard for-role="buyer">Members</lychgate-guard>
      <lychgate-mail-link sign-in="/" account="/account/" />
      {/* @ts-expect-error there is no such storage */}
      <SignIn storage="cookies" />
      {/* @ts-expect-error the element makes its own content */}
      <SignIn>Log in</SignIn>
      {/* @ts-expect-error the event has no such member */}
      <SignIn onLoggedIn={(event) => event.user} />
      {/* @ts-expect-error what went wrong is known only after a look at it */}
      <SignIn onError={(event) => event.detail.error.status} />
      {/* @ts-expect-error the event has no such member */}
      <Account onError={(event) => event.error} />
      {/* @ts-expect-error the reason is a text */}
      <Account onLoggedOut={(event) => event.detail.why.code} />
      {/* @ts-expect-error the event has no such member */}
      <Account onStepUp={(event) => event.password} />
      {/* @ts-expect-error a path is a text */}
      <SignIn after={1} />
      {/* @ts-expect-error the address has it, or has not */}
      <SignIn return="/members/" />
      {/* @ts-expect-error a path is a text */}
      <User signIn={1} />
      {/* @ts-expect-error a path is a text */}
      <User account={1} />
      {/* @ts-expect-error a path is a text */}
      <MailLink signIn={1} />
      {/* @ts-expect-error a path is a text */}
      <MailLink account={1} />
      {/* @ts-expect-error a path is a text */}
      <Guard signIn={1} />
      {/* @ts-expect-error a role is a text */}
      <Guard forRole={["buyer"]} />
      {/* @ts-expect-error the API's root is a text */}
      <Account api={1} />
      {/* @ts-expect-error a language is a text */}
      <Account lang={1} />
      {/* @ts-expect-error a path is a text */}
      <lychgate-sign-in after={1} />
      {/* @ts-expect-error a role is a text */}
      <lychgate-guard for-role={1} />
      {/* @ts-expect-error a path is a text */}
      <lychgate-mail-link sign-in={1} />
      {/* @ts-expect-error there is no such element */}
      <lychgate-sign-on />
    </main>
  );
}

export default Page;

import { Component, type ReactNode, Suspense, useState } from "react";
import { useApi } from "../api/client";
import { day, Loading, Problem } from "../parts";
import { KeyDialog } from "./KeyDialog";
import { type Me, MeContext } from "./me";
import { PAGES } from "./pages";
import { href, useRoute } from "./router";
import { useTheme } from "./theme";

/** What stands around every page: name, navigation, the night looked at, theme and key. */
export function Shell() {
  const me = useApi<Me>("/me");
  const [asking, setAsking] = useState(false);
  const locked = me.error?.status === 401;
  return (
    <>
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <Bar me={me.data} onKey={() => setAsking(true)} />
      <main id="main" tabIndex={-1}>
        {me.data ? (
          <MeContext value={me.data}>
            <CurrentPage />
          </MeContext>
        ) : locked ? null : me.error ? (
          <Problem error={me.error} retry={me.reload} />
        ) : (
          <Loading label="Evenfall opens the project" />
        )}
      </main>
      {(locked || asking) && (
        <KeyDialog
          message={locked ? (me.error?.message ?? "") : undefined}
          onClose={asking ? () => setAsking(false) : undefined}
        />
      )}
    </>
  );
}

function Bar({ me, onKey }: { me?: Me; onKey: () => void }) {
  const { page } = useRoute();
  const [theme, nextTheme] = useTheme();
  return (
    <header className="bar">
      <a className="brand" href="#/graph">
        <span className="brand-sign" aria-hidden="true" />
        Evenfall
      </a>
      <nav aria-label="Pages">
        {Object.entries(PAGES).map(
          ([name, entry]) =>
            entry.title && (
              <a
                key={name}
                href={href(name)}
                aria-current={name === page ? "page" : undefined}
                data-testid={`nav-${name}`}
              >
                {entry.title}
              </a>
            ),
        )}
      </nav>
      <span className="grow" />
      {me && (
        <span className="muted small bar-project" data-testid="project">
          <strong>{me.project.name}</strong> · night of {day(me.as_of)}
        </span>
      )}
      {me?.keys && (
        <button type="button" className="button quiet small" onClick={onKey} data-testid="key">
          {me.member} ({me.role})
        </button>
      )}
      <button
        type="button"
        className="button quiet small"
        onClick={nextTheme}
        data-testid="theme"
        aria-label={`Colours: ${theme}. Change`}
      >
        {{ system: "◐ System", light: "☀ Light", dark: "☾ Dark" }[theme]}
      </button>
    </header>
  );
}

function CurrentPage() {
  const route = useRoute();
  const entry = PAGES[route.page];
  if (!entry)
    return (
      <div className="page">
        <h1>No such page</h1>
        <p>
          There is no page “{route.page}”. Go to the <a href="#/graph">graph</a>.
        </p>
      </div>
    );
  const Current = entry.component;
  return (
    <Catch key={`${route.page}/${route.id}`}>
      <Suspense fallback={<Loading />}>
        <Current route={route} />
      </Suspense>
    </Catch>
  );
}

/** A page that breaks leaves the others usable and says what broke. */
class Catch extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    return this.state.error ? <Problem error={this.state.error} /> : this.props.children;
  }
}

import { signal, untracked, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { session, user } from './api/client.js';
import { CachePage } from './pages/cache.js';
import { ConfirmReplace } from './pages/confirm-replace.js';
import { PlatformsPage } from './pages/platforms.js';
import { SignInPage } from './pages/sign-in.js';
import { StatsPage } from './pages/stats.js';
import { condition, watchCondition } from './state/condition.js';
import { finish, finishReturned, pendingAttempt, replacement } from './state/connect.js';
import { follow, liveness } from './state/live.js';
import { dismissAll } from './state/messages.js';
import { forget, reload } from './state/platforms.js';
import { Banner } from './ui/banner.js';
import { focusPage } from './ui/dialog.js';
import { Messages } from './ui/messages.js';
import { PageTitle } from './ui/page-title.js';

const route = signal(location.hash);
window.addEventListener('hashchange', () => (route.value = location.hash));

const LIVENESS_LABELS = { live: 'Live', connecting: 'Connecting…', polling: 'Every 15 s' };

export function App() {
  useEffect(() => watchCondition().stop, []);
  useSession();
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          focusPage();
        }}
      >
        Skip to content
      </a>
      <Header />
      <Banner />
      <main id="content">
        <Page />
      </main>
      {replacement.value !== null && <ConfirmReplace {...replacement.value} />}
      <Messages />
    </>
  );
}

/** Runs the background work of a session while a user is signed in. */
function useSession(): void {
  useSignalEffect(() => {
    const isSignedIn = user.value !== null;
    return untracked(() => (isSignedIn ? startSession() : forget()));
  });
  useSignalEffect(() => {
    const { value } = condition;
    // Load the changes missed during the outage.
    if (value !== 'offline' && value !== 'unreachable') untracked(() => void reload());
  });
}

function startSession(): () => void {
  dismissAll();
  const stopFollowing = follow(() => void reload());
  const stopListening = finishReturned();
  const { value: attempt } = pendingAttempt;
  pendingAttempt.value = null;
  if (attempt !== null) void finish(attempt);
  return () => {
    stopFollowing();
    stopListening();
    replacement.value?.decide(false);
  };
}

function Header() {
  const { value: person } = user;
  return (
    <header class="top">
      <p class="brand">Platform Manager</p>
      {person !== null && (
        <>
          <nav aria-label="Pages">
            <PageLink to="#/platforms" label="Platforms" />
            <PageLink to="#/stats" label="Stats" />
            {person.role === 'admin' && <PageLink to="#/cache" label="Cache" />}
          </nav>
          <div class="account">
            <span class={`liveness ${liveness.value}`} title="How this page receives changes made elsewhere">
              {LIVENESS_LABELS[liveness.value]}
            </span>
            <span class="email">{person.email}</span>
            <button type="button" onClick={() => void session.signOut()}>
              Log out
            </button>
          </div>
        </>
      )}
    </header>
  );
}

function PageLink({ to, label }: { readonly to: string; readonly label: string }) {
  const here = to === (route.value || '#/platforms');
  return (
    <a href={to} {...(here && { 'aria-current': 'page' })}>
      {label}
    </a>
  );
}

function Page() {
  if (user.value === null) return <SignInPage />;
  switch (route.value) {
    case '':
    case '#/':
    case '#/platforms':
      return <PlatformsPage />;
    case '#/stats':
      return <StatsPage />;
    case '#/cache':
      return user.value.role === 'admin' ? <CachePage /> : <NotFound />;
    default:
      return <NotFound />;
  }
}

function NotFound() {
  return (
    <>
      <PageTitle>Page not found</PageTitle>
      <p>
        <a href="#/platforms">Go to your platforms</a>
      </p>
    </>
  );
}

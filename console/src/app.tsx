import { untracked, useSignalEffect } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { absent, user } from './api/client.js';
import { dismissBulk } from './list/bulk.js';
import { AccountPage } from './pages/account.js';
import { ActivityLogPage } from './pages/activity-log.js';
import { AllConnectionsPage } from './pages/all-connections.js';
import { ApiKeysPage } from './pages/api-keys.js';
import { CachePage } from './pages/cache.js';
import { ConfirmPerson } from './pages/confirm-person.js';
import { ConfirmReplace } from './pages/confirm-replace.js';
import { ConnectLinksPage } from './pages/connect-links.js';
import {
  ChangeEmailPage,
  ForgotPasswordPage,
  ResetPasswordPage,
  VerifyEmailPage,
} from './pages/mail-links.js';
import { OverviewPage } from './pages/overview.js';
import { PlatformPage } from './pages/platform.js';
import { PlatformsPage } from './pages/platforms.js';
import { SignInAgain } from './pages/sign-in-again.js';
import { SignInPage } from './pages/sign-in.js';
import { StatsPage } from './pages/stats.js';
import { SystemPage } from './pages/system.js';
import { UsersPage } from './pages/users.js';
import { WebhooksPage } from './pages/webhooks.js';
import { condition, watchCondition } from './state/condition.js';
import { confirmation } from './state/confirmation.js';
import { finish, finishReturned, pendingAttempt, pendingFailure, replacement } from './state/connect.js';
import { follow } from './state/live.js';
import { dismissAll, endOutage, warn } from './state/messages.js';
import { forget, reload } from './state/platforms.js';
import { restoreError, restoreSession, restoring } from './state/restore.js';
import { followAddress, hrefOf, page } from './state/route.js';
import { Banner } from './ui/banner.js';
import { focusPage } from './ui/dialog.js';
import { Header } from './ui/header.js';
import { Skeleton } from './ui/loaded.js';
import { Messages } from './ui/messages.js';
import { PageTitle } from './ui/page-title.js';

export function App() {
  useLayoutEffect(followAddress, []);
  useEffect(() => watchCondition().stop, []);
  useEffect(restoreSession, []);
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
      {confirmation.value !== null && <ConfirmPerson {...confirmation.value} />}
      <Messages />
    </>
  );
}

/** Whose connections are shown. */
let owner: number | undefined;

/** Runs the background work of a session while a user is signed in. */
function useSession(): void {
  useSignalEffect(() => {
    const { value: person } = user;
    return untracked(() => {
      // Also before another user's session: somebody has logged in as them in another tab.
      if (person?.id !== owner && absent.value === null) forget();
      owner = person?.id ?? absent.value?.id;
      return person === null ? undefined : startSession();
    });
  });
  useSignalEffect(() => {
    const { value } = condition;
    // Load the changes missed during the outage.
    if (value !== 'offline' && value !== 'unreachable') untracked(() => void reload());
    if (value === 'ok') untracked(endOutage);
  });
}

function startSession(): () => void {
  dismissAll();
  const stopFollowing = follow(() => void reload());
  const stopListening = finishReturned();
  const { value: attempt } = pendingAttempt;
  pendingAttempt.value = null;
  if (attempt !== null) void finish(attempt);
  const { value: failure } = pendingFailure;
  pendingFailure.value = null;
  if (failure !== null) warn(`The account was not connected. ${failure}`);
  return () => {
    stopFollowing();
    stopListening();
    dismissBulk();
    replacement.value?.decide(false);
    confirmation.value?.decide(false);
  };
}

function Page() {
  switch (page.value) {
    case 'forgot-password':
      return <ForgotPasswordPage />;
    case 'reset-password':
      return <ResetPasswordPage />;
    case 'change-email':
      return <ChangeEmailPage />;
    case 'verify-email':
      return <VerifyEmailPage />;
  }
  if (restoring.value) return <Restoring />;
  const person = user.value ?? absent.value;
  if (person === null) return <SignInPage />;
  return (
    <>
      <PersonsPage key={person.id} isAdmin={person.role === 'admin'} />
      {user.value === null && <SignInAgain />}
    </>
  );
}

function PersonsPage({ isAdmin }: { readonly isAdmin: boolean }) {
  const connection = /^platforms\/(\d{1,10})$/.exec(page.value)?.[1];
  if (connection !== undefined) return <PlatformPage key={connection} id={Number(connection)} />;
  switch (page.value) {
    case 'platforms':
      return <PlatformsPage />;
    case 'stats':
      return <StatsPage />;
    case 'api-keys':
      return <ApiKeysPage />;
    case 'webhooks':
      return <WebhooksPage />;
    case 'connect-links':
      return <ConnectLinksPage />;
    case 'activity':
      return <ActivityLogPage />;
    case 'account':
      return <AccountPage />;
    case 'cache':
      return isAdmin ? <CachePage /> : <NotFound />;
    case 'system':
      return isAdmin ? <SystemPage /> : <NotFound />;
    case 'overview':
      return isAdmin ? <OverviewPage /> : <NotFound />;
    case 'connections':
      return isAdmin ? <AllConnectionsPage /> : <NotFound />;
    case 'users':
      return isAdmin ? <UsersPage /> : <NotFound />;
    default:
      return <NotFound />;
  }
}

function Restoring() {
  if (restoreError.value === null) return <Skeleton what="your session" />;
  return (
    <p role="status" class="notice waiting">
      Cannot tell yet whether you are logged in. {restoreError.value} Trying again every two seconds.
    </p>
  );
}

function NotFound() {
  return (
    <>
      <PageTitle>Page not found</PageTitle>
      <p>
        <a href={hrefOf('platforms')}>Go to your platforms</a>
      </p>
    </>
  );
}

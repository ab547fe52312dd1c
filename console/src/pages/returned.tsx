import { useEffect, useState } from 'preact/hooks';
import { BASE } from '../api/base.js';
import { App } from '../app.js';
import { handOver, pendingAttempt, reasonOf } from '../state/connect.js';
import { PageTitle } from '../ui/page-title.js';

type Progress = 'waiting' | 'asking' | 'alone' | { readonly failure: string | null };

/**
 * GET /v1/connect/callback redirects the instance's tab to this page. No user is signed in here, so the tab that began the
 * attempt finishes it. If there is none any more, the user logs in here to finish it.
 */
export function ReturnedPage({ query }: { readonly query: URLSearchParams }) {
  const attempt = query.get('attempt');
  const tab = query.get('tab') ?? '';
  const [progress, setProgress] = useState<Progress>(
    attempt === null ? { failure: reasonOf(query.get('code')) } : 'waiting',
  );
  useEffect(() => {
    if (attempt === null) return undefined;
    return handOver(
      { tab, attempt },
      (failure) => setProgress({ failure }),
      () => setProgress('asking'),
      () => {
        pendingAttempt.value = attempt;
        setProgress('alone');
      },
    );
  }, [attempt, tab]);
  if (progress === 'alone') return <App />;
  return (
    <main id="content">
      <div class="sign-in panel">
        {typeof progress === 'string' ? (
          <Waiting isAsking={progress === 'asking'} />
        ) : (
          <Outcome {...progress} />
        )}
      </div>
    </main>
  );
}

function Waiting({ isAsking }: { readonly isAsking: boolean }) {
  return (
    <>
      <PageTitle>Connecting the account</PageTitle>
      <p role="status">
        {isAsking
          ? 'This account is connected already. Return to the tab you came from and decide what happens.'
          : 'One moment…'}
      </p>
    </>
  );
}

function Outcome({ failure }: { readonly failure: string | null }) {
  return (
    <>
      <PageTitle>{failure === null ? 'The account is connected' : 'The account was not connected'}</PageTitle>
      {failure !== null && <p>{failure}</p>}
      <p>You can close this tab and return to the one you came from.</p>
      <p>
        <a href={`${BASE}/console/`}>Open the console here</a>
      </p>
    </>
  );
}

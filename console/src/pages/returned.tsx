import { useEffect } from 'preact/hooks';
import { tellConnected } from '../state/connect-channel.js';
import { PageTitle } from '../ui/page-title.js';

const REASONS: Readonly<Record<string, string>> = {
  access_denied: 'The access was not granted at the instance.',
  identity_mismatch: 'The instance let in another account.',
  instance_unreachable: 'The instance cannot be reached.',
};

/** Where GET /v1/connect/callback sends the tab that went to an instance. Nobody is logged in here. */
export function ReturnedPage({ query }: { readonly query: URLSearchParams }) {
  const connected = query.get('connect') === 'connected';
  const code = query.get('code') ?? '';
  useEffect(() => {
    if (connected) tellConnected();
  }, [connected]);
  return (
    <main id="content">
      <div class="sign-in panel">
        <PageTitle>{connected ? 'The account is connected' : 'The account was not connected'}</PageTitle>
        {!connected && (
          <p>{REASONS[code] ?? `The instance or this server refused it (${code || 'no reason given'}).`}</p>
        )}
        <p>You can close this tab and go on in the one that you came from.</p>
        <p>
          <a href="/console/">Open the console here</a>
        </p>
      </div>
    </main>
  );
}

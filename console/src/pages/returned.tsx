import { useEffect } from 'preact/hooks';
import { BASE } from '../api/base.js';
import { announceConnected } from '../state/connect-channel.js';
import { PageTitle } from '../ui/page-title.js';

const REASONS: Readonly<Record<string, string>> = {
  access_denied: 'Access was not granted at the instance.',
  identity_mismatch: 'The instance returned a different account.',
  instance_unreachable: 'The instance cannot be reached.',
};

/** GET /v1/connect/callback redirects the instance's tab to this page. No user is signed in here. */
export function ReturnedPage({ query }: { readonly query: URLSearchParams }) {
  const connected = query.get('connect') === 'connected';
  const code = query.get('code') ?? '';
  useEffect(() => {
    if (connected) announceConnected();
  }, [connected]);
  return (
    <main id="content">
      <div class="sign-in panel">
        <PageTitle>{connected ? 'The account is connected' : 'The account was not connected'}</PageTitle>
        {!connected && (
          <p>
            {REASONS[code] ??
              `The instance or this server refused the connection (${code || 'no reason given'}).`}
          </p>
        )}
        <p>You can close this tab and return to the one you came from.</p>
        <p>
          <a href={`${BASE}/console/`}>Open the console here</a>
        </p>
      </div>
    </main>
  );
}

import { useEffect, useState } from 'preact/hooks';
import { type GuestLink, Problem, api, ok } from '../api/client.js';
import { useLookup } from '../api/use-lookup.js';
import { reasonOf } from '../state/connect.js';
import { forgetLink, linkHere, lookUpAs } from '../state/guest.js';
import { messageOf } from '../state/messages.js';
import { Form } from '../ui/form.js';
import { InstanceField } from '../ui/instance-field.js';
import { hostOf } from '../ui/labels.js';
import { PageTitle } from '../ui/page-title.js';

const INSTANCE = ['instance'];

type Progress =
  | { readonly kind: 'finishing' | 'done' }
  /** `failure`: why an earlier try has failed. */
  | { readonly kind: 'open'; readonly failure: string | null };

/** For somebody who has a connect link and no account here. The link is in this tab only: see state/guest.ts. */
export function ConnectLinkPage({ query }: { readonly query: URLSearchParams }) {
  const attempt = query.get('attempt');
  const failure = query.has('connect') ? reasonOf(query.get('code')) : null;
  const [progress, setProgress] = useState<Progress>(
    attempt === null ? { kind: 'open', failure } : { kind: 'finishing' },
  );
  useEffect(() => {
    if (attempt === null) return;
    ok(api.POST('/v1/connect/guest/finish', { body: { attempt } })).then(
      ({ returnTo }) => {
        forgetLink();
        if (returnTo === null) setProgress({ kind: 'done' });
        else location.replace(returnTo);
      },
      (error: unknown) => setProgress({ kind: 'open', failure: messageOf(error) }),
    );
  }, [attempt]);
  return (
    <main id="content">
      <div class="sign-in panel">
        {progress.kind === 'open' ? <OpenLink failure={progress.failure} /> : <Finishing {...progress} />}
      </div>
    </main>
  );
}

function Finishing({ kind }: { readonly kind: 'finishing' | 'done' }) {
  return kind === 'done' ? (
    <>
      <PageTitle>Your account is connected</PageTitle>
      <p>You can close this page.</p>
    </>
  ) : (
    <>
      <PageTitle>Connecting your account</PageTitle>
      <p role="status">One moment…</p>
    </>
  );
}

type Shown =
  | { readonly kind: 'loading' }
  | { readonly kind: 'link'; readonly link: GuestLink }
  | { readonly kind: 'failed'; readonly why: string };

function OpenLink({ failure }: { readonly failure: string | null }) {
  const [secret] = useState(linkHere);
  const [shown, setShown] = useState<Shown>({ kind: 'loading' });
  useEffect(() => {
    ok(api.POST('/v1/connect/guest', { body: { link: secret } })).then(
      (link) => setShown({ kind: 'link', link }),
      (error: unknown) => setShown({ kind: 'failed', why: whyNot(error) }),
    );
  }, [secret]);
  return (
    <>
      <PageTitle>Connect your account</PageTitle>
      {failure !== null && (
        <p class="notice bad" role="alert">
          Your account was not connected. {failure}
        </p>
      )}
      {shown.kind === 'loading' && <p role="status">Loading…</p>}
      {shown.kind === 'failed' && <p class="notice bad">{shown.why}</p>}
      {shown.kind === 'link' && <Ask secret={secret} link={shown.link} />}
    </>
  );
}

function whyNot(error: unknown): string {
  if (error instanceof Problem && error.status === 404) forgetLink();
  return error instanceof Problem && error.code === 'validation_failed'
    ? 'This address is not complete. Open the link again as you got it.'
    : messageOf(error);
}

function Ask({ secret, link }: { readonly secret: string; readonly link: GuestLink }) {
  const { instance, returnTo } = link;
  const [typed, setTyped] = useState('');
  const lookup = useLookup(typed, lookUpAs(secret));
  return (
    <>
      <p>
        <strong>{nameOf(link)}</strong> asks to use your account
        {instance === null ? ' at a server of the Fediverse or at Bluesky' : ` at ${hostOf(instance)}`}.
      </p>
      <p class="hint">
        Nobody has checked this name. Continue only if you know who gave you this link. You log in at your own
        server, and can withdraw the access there.
      </p>
      <Form
        fields={INSTANCE}
        submitLabel={instance === null ? 'Continue' : `Continue at ${hostOf(instance)}`}
        onSubmit={async ({ instance: where }) => {
          const body = { link: secret, ...(where !== undefined && { instance: where }) };
          location.assign((await ok(api.POST('/v1/connect/guest/begin', { body }))).authorizationUrl);
        }}
      >
        {(errorOf) =>
          instance === null && (
            <InstanceField
              name="instance"
              value={typed}
              lookup={lookup}
              onInput={setTyped}
              error={errorOf('instance')}
            />
          )
        }
      </Form>
      {returnTo !== null && (
        <p>
          <a href={refusing(returnTo)}>Cancel and go back to {hostOf(returnTo)}</a>
        </p>
      )}
    </>
  );
}

/** The host is one that the operator of this server knows; the name is whatever the asker calls themselves. */
function nameOf({ applicationName, returnTo }: GuestLink): string {
  const host = returnTo === null ? null : hostOf(returnTo);
  if (applicationName === null) return host ?? 'The person who gave you this link';
  return host === null ? `“${applicationName}”` : `“${applicationName}” (${host})`;
}

function refusing(returnTo: string): string {
  const url = new URL(returnTo);
  url.searchParams.set('connect', 'failed');
  url.searchParams.set('code', 'access_denied');
  return url.href;
}

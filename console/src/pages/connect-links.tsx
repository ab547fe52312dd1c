import { useState } from 'preact/hooks';
import { type ConnectLink, Problem, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { MakeLink } from './make-link.js';

type Open = { readonly kind: 'make' } | { readonly kind: 'revoke'; readonly link: ConnectLink } | null;

export function ConnectLinksPage() {
  const [open, setOpen] = useState<Open>(null);
  const [attempt, setAttempt] = useState(0);
  const close = (): void => setOpen(null);
  const again = (): void => setAttempt(attempt + 1);
  const polled = usePolled(() => ok(api.GET('/v1/connect/links')), [attempt]);
  return (
    <>
      <div class="page-head">
        <PageTitle>Connect links</PageTitle>
        <button type="button" class="primary" onClick={() => setOpen({ kind: 'make' })}>
          Make a link
        </button>
      </div>
      <p class="hint">
        With a link, somebody who has no account here connects theirs for you. It is good for one connection,
        for 30 minutes.
      </p>
      <Loaded polled={polled} what="your connect links">
        {(links) =>
          links.length === 0 ? (
            <Empty title="No open links.">
              <p>
                Programs make them with <code>POST /v1/connect/links</code>.
              </p>
            </Empty>
          ) : (
            <ul class="rows panel">
              {links.map((link) => (
                <LinkRow key={link.id} link={link} onRevoke={() => setOpen({ kind: 'revoke', link })} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {open?.kind === 'make' && <MakeLink onClose={close} onMade={again} />}
      {open?.kind === 'revoke' && <RevokeLink link={open.link} onClose={close} onRevoked={again} />}
    </>
  );
}

function LinkRow({ link, onRevoke }: { readonly link: ConnectLink; readonly onRevoke: () => void }) {
  const { externalUserId, platformId, begun, expiresAt } = link;
  return (
    <li>
      <div class="main">
        <p>
          <strong>{externalUserId}</strong> {begun && <span class="badge">Begun</span>}
        </p>
        <p class="hint">
          {platformId === null ? 'New connection' : `Reconnects connection ${platformId}`} · ends{' '}
          <Time at={expiresAt} none="" />
        </p>
      </div>
      <button type="button" onClick={onRevoke}>
        Revoke<span class="visually-hidden"> the link for {externalUserId}</span>
      </button>
    </li>
  );
}

interface RevokeProps {
  readonly link: ConnectLink;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}

function RevokeLink({ link: { id, externalUserId }, onClose, onRevoked }: RevokeProps) {
  return (
    <Confirm
      title={`Revoke the link for “${externalUserId}”?`}
      action="Revoke"
      danger
      onClose={onClose}
      onConfirm={async () => {
        try {
          await ok(api.DELETE('/v1/connect/links/{id}', { params: { path: { id } } }));
        } catch (error) {
          // Used or ended by now: it cannot be used any more, which is the wanted result.
          if (!(error instanceof Problem && error.status === 404)) throw error;
        }
        say('The link is revoked.');
        onRevoked();
      }}
    >
      {() => <p>It stops working, also where somebody has begun with it.</p>}
    </Confirm>
  );
}

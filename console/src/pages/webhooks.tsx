import { useRef, useState } from 'preact/hooks';
import { type Webhook, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { messageOf, say, warn } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { Menu } from '../ui/menu.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { PAUSE_WORDS, WEBHOOK_EVENT_WORDS } from '../ui/words.js';
import { Deliveries } from './deliveries.js';
import { MakeWebhook } from './make-webhook.js';

type Open =
  | { readonly kind: 'make' }
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'deliveries' | 'rotate' | 'delete'; readonly webhook: Webhook }
  | null;

export function WebhooksPage() {
  const [open, setOpen] = useState<Open>(null);
  const [attempt, setAttempt] = useState(0);
  const close = (): void => setOpen(null);
  const again = (): void => setAttempt((last) => last + 1);
  const shown = (secret: string): void => {
    setOpen({ kind: 'secret', secret });
    again();
  };
  const polled = usePolled(() => ok(api.GET('/v1/webhooks')), [attempt]);
  return (
    <>
      <div class="page-head">
        <PageTitle>Webhooks</PageTitle>
        <button type="button" class="primary" onClick={() => setOpen({ kind: 'make' })}>
          Make a webhook
        </button>
      </div>
      <p class="hint">Your server hears what happens to your connections, for example when one breaks.</p>
      <Loaded polled={polled} what="your webhooks">
        {(webhooks) =>
          webhooks.length === 0 ? (
            <Empty title="No webhooks yet.">
              <p>
                Each event is sent as a signed POST, at least once, and repeated for a day if it is not
                accepted.
              </p>
            </Empty>
          ) : (
            <ul class="rows panel">
              {webhooks.map((webhook) => (
                <WebhookRow key={webhook.id} webhook={webhook} onOpen={setOpen} onChanged={again} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {open?.kind === 'make' && <MakeWebhook onClose={close} onMade={shown} />}
      {open?.kind === 'secret' && (
        <Dialog title="Copy the secret now" onClose={close}>
          <p>This is the only time that it is shown. Your server verifies each message with it.</p>
          <Copied id="webhook-secret" label="Secret" text={open.secret} onDone={close} />
        </Dialog>
      )}
      {open?.kind === 'deliveries' && <Deliveries webhook={open.webhook} onClose={close} />}
      {open?.kind === 'rotate' && <Rotate webhook={open.webhook} onClose={close} onMade={shown} />}
      {open?.kind === 'delete' && <Delete webhook={open.webhook} onClose={close} onDeleted={again} />}
    </>
  );
}

interface RowProps {
  readonly webhook: Webhook;
  readonly onOpen: (open: Open) => void;
  readonly onChanged: () => void;
}

function WebhookRow({ webhook, onOpen, onChanged }: RowProps) {
  const [busy, setBusy] = useState(false);
  const { id, url, events, isActive, pausedBecause, failingSince, lastDeliveredAt } = webhook;
  const params = { path: { id } };

  async function run(done: string, request: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    try {
      await request();
      say(done);
    } catch (error) {
      warn(messageOf(error));
    } finally {
      setBusy(false);
      onChanged();
    }
  }

  return (
    <li>
      <div class="main">
        <p>
          <strong>{url}</strong>
          {pausedBecause !== null && <span class="badge warn">{PAUSE_WORDS[pausedBecause]}</span>}
          {isActive && failingSince !== null && <span class="badge warn">Not accepting</span>}
        </p>
        <p>{events.map((event) => WEBHOOK_EVENT_WORDS[event]).join(' · ')}</p>
        <p class="hint">
          Last delivered <Time at={lastDeliveredAt} none="never" />
        </p>
      </div>
      <button type="button" onClick={() => onOpen({ kind: 'deliveries', webhook })}>
        Deliveries<span class="visually-hidden"> to {url}</span>
      </button>
      <Menu
        about={url}
        busy={busy}
        items={[
          {
            label: 'Send a test',
            onChoose: () =>
              void run('A test is on its way.', () => ok(api.POST('/v1/webhooks/{id}/test', { params }))),
          },
          {
            label: isActive ? 'Pause' : 'Resume',
            onChoose: () =>
              void run(isActive ? 'The webhook is paused.' : 'What was waiting is being sent.', () =>
                ok(api.PATCH('/v1/webhooks/{id}', { params, body: { isActive: !isActive } })),
              ),
          },
          { label: 'New secret', onChoose: () => onOpen({ kind: 'rotate', webhook }) },
          { label: 'Delete', danger: true, onChoose: () => onOpen({ kind: 'delete', webhook }) },
        ]}
      />
    </li>
  );
}

interface RotateProps {
  readonly webhook: Webhook;
  readonly onClose: () => void;
  readonly onMade: (secret: string) => void;
}

function Rotate({ webhook: { id, url }, onClose, onMade }: RotateProps) {
  const made = useRef<string | null>(null);
  return (
    <Confirm
      title="Make a new secret?"
      action="Make a new secret"
      onClose={() => (made.current === null ? onClose() : onMade(made.current))}
      onConfirm={async () => {
        const { secret } = await ok(api.POST('/v1/webhooks/{id}/secret', { params: { path: { id } } }));
        made.current = secret;
      }}
    >
      {() => <p>For 24 hours each message to {url} is signed by the new and by the previous secret.</p>}
    </Confirm>
  );
}

interface DeleteProps {
  readonly webhook: Webhook;
  readonly onClose: () => void;
  readonly onDeleted: () => void;
}

function Delete({ webhook: { id, url }, onClose, onDeleted }: DeleteProps) {
  return (
    <Confirm
      title="Delete this webhook?"
      action="Delete"
      danger
      onClose={onClose}
      onConfirm={async () => {
        await ok(api.DELETE('/v1/webhooks/{id}', { params: { path: { id } } }));
        say('The webhook is deleted.');
        onDeleted();
      }}
    >
      {() => <p>Nothing more is sent to {url}, and what waits is dropped.</p>}
    </Confirm>
  );
}

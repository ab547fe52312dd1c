import { useState } from 'preact/hooks';
import { type Delivery, type Webhook, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { messageOf, say, warn } from '../state/messages.js';
import { Dialog } from '../ui/dialog.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { Time } from '../ui/time.js';
import { DELIVERY_WORDS, WEBHOOK_EVENT_WORDS } from '../ui/words.js';

const EVERY_MS = 5000;

interface DeliveriesProps {
  readonly webhook: Webhook;
  readonly onClose: () => void;
}

/** The newest ones. What a receiver answers is shown as text. */
export function Deliveries({ webhook: { id, url }, onClose }: DeliveriesProps) {
  const [attempt, setAttempt] = useState(0);
  const polled = usePolled(
    () => ok(api.GET('/v1/webhooks/{id}/deliveries', { params: { path: { id }, query: { limit: 50 } } })),
    [id, attempt],
    EVERY_MS,
  );

  async function resend(deliveryId: number): Promise<void> {
    try {
      await ok(
        api.POST('/v1/webhooks/{id}/deliveries/{deliveryId}/resend', {
          params: { path: { id, deliveryId } },
        }),
      );
      say('The message is sent once more.');
    } catch (error) {
      warn(messageOf(error));
    }
    setAttempt((last) => last + 1);
  }

  return (
    <Dialog title="Deliveries" onClose={onClose}>
      <p class="hint">To {url}, the newest first. They are kept for 7 days.</p>
      <Loaded polled={polled} what="the deliveries">
        {(deliveries) =>
          deliveries.length === 0 ? (
            <Empty title="Nothing was sent yet.">
              <p>Close this and send a test.</p>
            </Empty>
          ) : (
            <ul class="rows">
              {deliveries.map((delivery) => (
                <DeliveryRow
                  key={delivery.id}
                  delivery={delivery}
                  onResend={() => void resend(delivery.id)}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function DeliveryRow({ delivery, onResend }: { readonly delivery: Delivery; readonly onResend: () => void }) {
  const { type, messageId, status, attempts, createdAt, nextAttemptAt, responseStatus, responseBody, error } =
    delivery;
  return (
    <li>
      <div class="main">
        <p>
          <strong>{type === 'webhook.test' ? 'Test' : WEBHOOK_EVENT_WORDS[type]}</strong>{' '}
          <span class={status === 'delivered' ? 'badge' : 'badge warn'}>{DELIVERY_WORDS[status]}</span>
        </p>
        <p class="hint">
          <code>{messageId}</code> · <Time at={createdAt} none="" /> · {attempts}{' '}
          {attempts === 1 ? 'attempt' : 'attempts'}
          {responseStatus !== null && ` · answered ${responseStatus}`}
          {error !== null && ` · ${error}`}
          {nextAttemptAt !== null && (
            <>
              {' '}
              · again <Time at={nextAttemptAt} none="" />
            </>
          )}
        </p>
        {responseBody !== null && responseBody !== '' && (
          <details>
            <summary>Answer</summary>
            <pre>{responseBody}</pre>
          </details>
        )}
      </div>
      {status !== 'pending' && (
        <button type="button" onClick={onResend}>
          Send again<span class="visually-hidden"> {messageId}</span>
        </button>
      )}
    </li>
  );
}

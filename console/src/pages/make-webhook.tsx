import { type NewWebhook, api, ok } from '../api/client.js';
import { Dialog } from '../ui/dialog.js';
import { Checks, Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { WEBHOOK_EVENT_WORDS } from '../ui/words.js';

const FIELDS = ['url', 'events'];
const EVENT = 'events.';

interface MakeProps {
  readonly onClose: () => void;
  readonly onMade: (secret: string) => void;
}

export function MakeWebhook({ onClose, onMade }: MakeProps) {
  return (
    <Dialog title="Make a webhook" onClose={onClose}>
      <Form
        fields={FIELDS}
        submitLabel="Make webhook"
        onCancel={onClose}
        onSubmit={async (values) => {
          const events = Object.keys(values).flatMap((field) =>
            field.startsWith(EVENT) ? [field.slice(EVENT.length)] : [],
          ) as NewWebhook['events'];
          const { secret } = await ok(api.POST('/v1/webhooks', { body: { url: values.url ?? '', events } }));
          onMade(secret);
        }}
      >
        {(errorOf) => (
          <>
            <Field
              name="url"
              label="Address"
              hint="Of your server, with https"
              required
              spellcheck={false}
              error={errorOf('url')}
            />
            <Checks
              legend="Tell it of"
              name="events"
              options={WEBHOOK_EVENT_WORDS}
              error={errorOf('events')}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}

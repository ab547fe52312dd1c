import { useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';

const FIELDS = ['externalUserId', 'applicationName'];

interface MakeProps {
  readonly onClose: () => void;
  readonly onMade: () => void;
}

export function MakeLink({ onClose, onMade }: MakeProps) {
  const [url, setUrl] = useState<string | null>(null);
  if (url !== null) {
    return (
      <Dialog title="Give this link to the person" onClose={onClose}>
        <p>It works once, for 30 minutes, and is shown only now.</p>
        <Copied id="new-link" label="Link" text={url} onDone={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="Make a connect link" onClose={onClose}>
      <Form
        fields={FIELDS}
        submitLabel="Make link"
        onCancel={onClose}
        onSubmit={async ({ externalUserId = '', applicationName = '' }) => {
          const body = { externalUserId, ...(applicationName !== '' && { applicationName }) };
          setUrl((await ok(api.POST('/v1/connect/links', { body }))).url);
          onMade();
        }}
      >
        {(errorOf) => (
          <>
            <Field
              name="externalUserId"
              label="Whom it is for"
              hint="Your own name or number for the person. The connection gets it as the label external-user"
              required
              error={errorOf('externalUserId')}
            />
            <Field
              name="applicationName"
              label="Who asks (optional)"
              hint="The name that the person sees. Your e-mail address is not shown to them"
              error={errorOf('applicationName')}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}

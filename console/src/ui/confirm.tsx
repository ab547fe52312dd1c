import type { ComponentChildren } from 'preact';
import { Dialog } from './dialog.js';
import { Form } from './form.js';

interface ConfirmProps {
  readonly title: string;
  readonly action: string;
  readonly danger?: boolean;
  readonly fields?: readonly string[];
  readonly onConfirm: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly onClose: () => void;
  readonly children: (errorOf: (field: string) => string | undefined) => ComponentChildren;
}

/** Asks for confirmation before an action, and closes when the action has succeeded. */
export function Confirm({ title, action, danger, fields = [], onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <Form
        fields={fields}
        submitLabel={action}
        {...(danger === true && { danger })}
        onCancel={onClose}
        onSubmit={async (values) => {
          await onConfirm(values);
          onClose();
        }}
      >
        {children}
      </Form>
    </Dialog>
  );
}

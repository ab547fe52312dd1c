import { signal } from '@preact/signals';

export interface Confirmation {
  /** With whether the person has given the password. */
  readonly decide: (confirmed: boolean) => void;
}

/** The question whether it is still the same person who sits there, while it is open. */
export const confirmation = signal<Confirmation | null>(null);

/** Asks it. */
export async function confirmed(): Promise<boolean> {
  confirmation.value?.decide(false);
  try {
    return await new Promise<boolean>((decide) => {
      confirmation.value = { decide };
    });
  } finally {
    confirmation.value = null;
  }
}

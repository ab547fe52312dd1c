import { z } from 'zod';

export const sealedCredentialsSchema = z.strictObject({
  accessToken: z.string(),
  clientKey: z.string().nullable(),
  clientSecret: z.string().nullable(),
  keyId: z.string(),
  seal: z.string().nullable(),
});

/** Fernet ciphertexts, the id of their key, and the seal that binds them to the row. */
export type SealedCredentials = Readonly<z.output<typeof sealedCredentialsSchema>>;

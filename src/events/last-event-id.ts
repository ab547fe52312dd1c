import { z } from 'zod';

/** The number of the last event that a client has seen: as a number, or as text, which is all that a header can be. */
export const lastEventIdSchema = z.union([
  z.int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,16}$/)
    .transform(Number)
    .refine(Number.isSafeInteger),
]);

import { z } from 'zod';

/** Id of the last event that a client has seen: a number, or text because headers are text. */
export const lastEventIdSchema = z.union([
  z.int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,16}$/)
    .transform(Number)
    .refine(Number.isSafeInteger),
]);

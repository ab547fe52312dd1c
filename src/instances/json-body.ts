import type { z } from 'zod';
import type { InstanceResponse } from './guarded-http.js';

/** The body if it is JSON of the expected shape, else null. Data from an instance is untrusted until it passes. */
export function jsonBody<T extends z.ZodType>(response: InstanceResponse, schema: T): z.output<T> | null {
  if (response.jsonText === null) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(response.jsonText));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

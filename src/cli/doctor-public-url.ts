import type { AppConfig } from '../config/app-config.js';
import type { Finding } from './doctor.js';

const TIMEOUT_MS = 3000;
const subject = 'PUBLIC_URL';

/** Asks for the health of the API as a browser would find it. The API need not run yet, so it is only a warning. */
export async function examinePublicUrl({ publicUrl }: AppConfig): Promise<Finding> {
  try {
    const answer = await fetch(`${publicUrl}/health/live`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.status === 200) return { level: 'ok', subject, text: `${publicUrl} leads to a running API` };
    return {
      level: 'warning',
      subject,
      text: `${publicUrl}/health/live answers ${answer.status}: check the proxy`,
    };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    return {
      level: 'warning',
      subject,
      text: `${publicUrl} cannot be reached from here, or no API runs yet: ${why}`,
    };
  }
}

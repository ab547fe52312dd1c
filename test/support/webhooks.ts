import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { waitUntil } from './barrier.js';
import type { HttpClient } from './http-client.js';
import { type ReceivedRequest, ScriptedInstance } from './scripted-instance.js';

export interface Message {
  readonly type: string;
  readonly timestamp: string;
  readonly data: {
    readonly eventId: number;
    readonly platformId: number;
    readonly userId: number;
    readonly previousStatus?: string;
    readonly platform?: { readonly name: string; readonly status: string };
  };
}

export interface WebhookJson {
  readonly id: number;
  readonly secret: string;
  readonly isActive: boolean;
  readonly pausedBecause: string | null;
  readonly failingSince: string | null;
}

export interface DeliveryJson {
  readonly id: number;
  readonly messageId: string;
  readonly type: string;
  readonly platformId: number | null;
  readonly status: string;
  readonly attempts: number;
  readonly responseStatus: number | null;
  readonly responseBody: string | null;
  readonly nextAttemptAt: string | null;
  readonly error: string | null;
}

/** Receives on loopback. Verifies signatures by itself, as the specification says it, without the library. */
export class Receiver {
  private constructor(readonly server: ScriptedInstance) {}

  static async start(): Promise<Receiver> {
    const receiver = new Receiver(await ScriptedInstance.start());
    receiver.answerWith(204);
    return receiver;
  }

  get url(): string {
    return `${this.server.origin}/hooks?from=here`;
  }

  get messages(): Message[] {
    return this.server.received.map(({ body }) => JSON.parse(body) as Message);
  }

  answerWith(status: number, body = '', headers: Readonly<Record<string, string>> = {}): void {
    this.server.answer = (_request, response: ServerResponse) => {
      response.writeHead(status, headers).end(body);
    };
  }

  async received(count: number, timeoutMs = 15_000): Promise<readonly ReceivedRequest[]> {
    const { received } = this.server;
    await waitUntil(() => received.length >= count, { timeoutMs, what: `${count} messages` });
    return received;
  }

  forget(): void {
    this.server.received.length = 0;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

/** Whether one of the signatures is by this secret. */
export function isSignedBy(secret: string, { headers, body }: ReceivedRequest): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].map(String).join('.');
  const signature = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(signature);
}

export async function createWebhook(
  client: HttpClient,
  url: string,
  events: readonly string[],
  more: object = {},
  path = '/v1/webhooks',
): Promise<WebhookJson> {
  const made = await client.post(path, { url, events, ...more });
  if (made.status !== 201) throw new Error(`create answered ${made.status}: ${made.text}`);
  return made.json<WebhookJson>();
}

export async function deliveriesOf(client: HttpClient, id: number, query = ''): Promise<DeliveryJson[]> {
  const { status, text } = await client.get(`/v1/webhooks/${id}/deliveries${query}`);
  if (status !== 200) throw new Error(`deliveries answered ${status}: ${text}`);
  return JSON.parse(text) as DeliveryJson[];
}

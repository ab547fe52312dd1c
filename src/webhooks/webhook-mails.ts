import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppConfig } from '../config/app-config.js';
import { type Letter, letterOf } from '../mail/letter.js';
import { MailOutbox } from '../mail/mail-outbox.js';

/** Tells the owner that a webhook was paused. */
@Injectable()
export class WebhookMails implements OnModuleInit {
  constructor(
    private readonly mails: MailOutbox,
    private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    this.mails.register('webhook_paused', (email, manager) => this.compose(email, manager));
  }

  /** In the transaction that pauses it. */
  async pausedIn(manager: EntityManager, webhookId: number): Promise<void> {
    if (!this.mails.enabled) return;
    const [owner] = await manager.query<{ email: string }[]>(
      `SELECT u.email FROM webhooks w JOIN users u ON u.id = w.created_by WHERE w.id = $1 AND u.disabled_at IS NULL`,
      [webhookId],
    );
    if (owner !== undefined) await this.mails.addIn(manager, 'webhook_paused', owner.email);
  }

  /** All that are paused, because several may have been within a short time. Null if they were resumed or deleted since. */
  private async compose(email: string, manager: EntityManager): Promise<Letter | null> {
    const paused = await manager.query<{ url: string }[]>(
      `SELECT w.url FROM webhooks w JOIN users u ON u.id = w.created_by
       WHERE u.email = $1 AND u.disabled_at IS NULL AND w.paused_because <> 'owner' ORDER BY w.id`,
      [email],
    );
    if (paused.length === 0) return null;
    return letterOf({
      to: email,
      subject: paused.length === 1 ? 'A webhook is paused' : `${paused.length} webhooks are paused`,
      before: [
        'Platform Manager could not deliver to these receivers and has stopped trying:',
        // The path may hold a token of the receiver.
        ...paused.map(({ url }) => new URL(url).origin),
        'What happens is kept for 7 days and is delivered when you resume the webhook.',
      ],
      link: { label: 'Open your webhooks', url: `${this.config.publicUrl}/console/webhooks` },
      after: ['If you no longer need it, delete the webhook.'],
    });
  }
}

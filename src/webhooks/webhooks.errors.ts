import { problem } from '../common/domain-error.js';

/** Identical for an absent webhook and another user's. */
export class WebhookNotFound extends problem(404, 'webhook_not_found', 'Webhook not found') {
  constructor() {
    super('No webhook has this id.');
  }
}

export class DeliveryNotFound extends problem(404, 'delivery_not_found', 'Delivery not found') {
  constructor() {
    super('No delivery of this webhook has this id. Deliveries are kept for 7 days.');
  }
}

export class TooManyWebhooks extends problem(409, 'too_many_webhooks', 'Too many webhooks') {
  constructor(max: number) {
    super(`There are already ${max} webhooks. Delete one that you no longer need.`);
  }
}

export class EventsForgotten extends problem(409, 'events_forgotten', 'Events no longer kept') {
  constructor() {
    super('Events from this number on are no longer all kept. Load the platform connections instead.');
  }
}

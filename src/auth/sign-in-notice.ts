import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import { NoticesService } from '../notices/notices.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { SignInOrigin } from '../sessions/sign-in-origin.js';

/** Tells a person of a sign-in from a device that had not been there before. */
@Injectable()
export class SignInNotice {
  constructor(
    private readonly sessions: SessionsService,
    private readonly notices: NoticesService,
    private readonly clock: Clock,
  ) {}

  /** In the transaction that begins the session, and before it does: the new one would be known. */
  async addIn(manager: EntityManager, userId: number, from: SignInOrigin): Promise<void> {
    if (!this.notices.enabled || (await this.sessions.knows(userId, from, manager))) return;
    const { device, address } = from;
    const item = { device, address, at: this.clock.now().toISOString() };
    await this.notices.addIn(manager, userId, 'newSignIn', [item]);
  }
}

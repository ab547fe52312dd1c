import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { KnownQueryGuard } from './known-query.guard.js';

/** List it after RateLimitModule: guards run in the order of their modules, and a 401 or 429 comes before a 400. */
@Module({ providers: [{ provide: APP_GUARD, useClass: KnownQueryGuard }] })
export class KnownQueryModule {}

import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { CacheIndicator } from './cache.indicator.js';
import { HealthController } from './health.controller.js';

@Module({
  // A failed check is a state, shown in the answer; Terminus would log it once a probe.
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [CacheIndicator],
})
export class HealthModule {}

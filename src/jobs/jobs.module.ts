import { Logger, Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { LocalRounds } from './local-rounds.js';
import { QueuedRounds } from './queued-rounds.js';
import { WarmUpController } from './warm-up.controller.js';
import { WarmUpRunner } from './warm-up-runner.js';
import { WarmUpService } from './warm-up.service.js';
import { WatchMeter } from './watch-meter.js';
import { WatchOutlook } from './watch-outlook.js';
import { WatchRounds } from './watch-rounds.js';
import { WatchRunner } from './watch-runner.js';
import { Watcher } from './watcher.js';

@Module({
  imports: [PlatformsModule],
  controllers: [WarmUpController],
  providers: [
    WarmUpService,
    WarmUpRunner,
    WatchMeter,
    WatchOutlook,
    Watcher,
    {
      provide: WatchRounds,
      inject: [AppConfig, Watcher],
      useFactory: ({ redis, watch }: AppConfig, watcher: Watcher): WatchRounds => {
        const options = { roundMs: watch.roundSeconds * 1000, concurrency: watch.concurrency };
        // BullMQ knows one server of node-redis; without a queue the rounds are as right, only less evenly shared out.
        return redis?.target.kind === 'single'
          ? new QueuedRounds(redis.target.url, watcher, options, new Logger('Watcher'))
          : new LocalRounds(watcher, options);
      },
    },
    WatchRunner,
  ],
  exports: [WarmUpService, WatchMeter, WatchOutlook],
})
export class JobsModule {}

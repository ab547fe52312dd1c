import { Injectable } from '@nestjs/common';
import { CacheHealth } from '../cache/cache-health.js';

@Injectable()
export class CacheIndicator {
  constructor(private readonly health: CacheHealth) {}

  state(): 'up' | 'recovering' | 'down' | 'in-process' {
    if (this.health.kind === 'memory') return 'in-process';
    switch (this.health.bypassReason) {
      case null:
        return 'up';
      case 'recovering':
        return 'recovering';
      default:
        return 'down';
    }
  }
}

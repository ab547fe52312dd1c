import { Injectable } from '@nestjs/common';
import { CacheHealth, MemoryHealth } from '../cache/cache-health.js';

@Injectable()
export class CacheIndicator {
  constructor(private readonly health: CacheHealth) {}

  state(): 'up' | 'recovering' | 'down' | 'in-process' {
    if (this.health instanceof MemoryHealth) return 'in-process';
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

import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisCluster } from '../../support/servers/redis-cluster.js';
import type { Fleet } from './fleet.js';
import type { Random } from './random.js';
import type { Faults, Progress } from './run-history.js';

const FAULTS = ['fail-over', 'kill', 'freeze', 'hand-over', 'flush'] as const;
type Fault = (typeof FAULTS)[number];
/** An election takes seconds, in which the operations would be used up past a cache that nobody asks. */
const REST_MS = 1000;

/** Breaks one node of a cluster after the other, with a healthy spell between. Begins with a failover. */
export class ClusterFaults implements Faults {
  readonly counts: Record<Fault, number> = { 'fail-over': 0, kill: 0, freeze: 0, 'hand-over': 0, flush: 0 };
  readonly killedProcesses = 0;
  restMs = 0;
  #stopped = false;

  constructor(
    private readonly random: Random,
    private readonly cluster: RedisCluster,
    private readonly fleet: Fleet,
  ) {}

  async run(progress: Progress): Promise<void> {
    const others = this.random.rounds(FAULTS);
    // The work goes on while the cluster recovers: a short run sees only the first few.
    for (let fault: Fault = 'fail-over'; ; fault = others.next().value) {
      await progress.after(this.random.between(200, 600));
      if (this.#stopped) return;
      this.restMs = REST_MS;
      await this.inject(fault);
      this.counts[fault]++;
      await this.cluster.whenHealthy();
      await this.fleet.whenReady();
      this.restMs = 0;
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  private async inject(fault: Fault): Promise<void> {
    const master = this.random.pick(await this.cluster.masters());
    switch (fault) {
      case 'fail-over':
        // Whatever the replica has not heard of yet is lost.
        await master.kill();
        await this.cluster.whenTakenOver(master);
        return master.start();
      case 'kill':
        await master.kill();
        await sleep(this.random.between(50, 1000));
        return master.start();
      case 'freeze':
        await master.freeze();
        await sleep(this.random.between(50, 6000));
        return master.thaw();
      case 'hand-over':
        return this.cluster.handOver(this.random.pick(await this.cluster.replicas()));
      case 'flush':
        return this.cluster.flush();
      default:
        return fault satisfies never;
    }
  }
}

import { waitUntil } from '../../support/barrier.js';
import type { ApiProcess } from '../../support/servers/api-process.js';
import { type Answer, HttpClient, type Request } from './http.js';
import type { Random } from './random.js';

/** One of the API's processes, as those know it who send requests to it. */
export class Member {
  readonly client: HttpClient;
  #underWay = 0;
  #up = true;

  constructor(readonly api: ApiProcess) {
    this.client = new HttpClient(api.port);
  }

  get underWay(): number {
    return this.#underWay;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Never rejects; see Answer. */
  async send(request: Request): Promise<Answer> {
    this.#underWay++;
    try {
      return await this.client.send(request);
    } finally {
      this.#underWay--;
    }
  }

  /** Nothing more is sent to it; what is under way is cut off. */
  async kill(): Promise<void> {
    this.#up = false;
    await this.api.kill();
  }

  async restart(): Promise<void> {
    await this.api.start();
    this.#up = true;
  }
}

/**
 * The API's processes. As a load balancer would, it leaves out one that is down, and one that has its share of what is
 * under way: one that is frozen would soon hold all of it, and nothing would happen until it thaws.
 */
export class Fleet {
  readonly members: readonly Member[];

  constructor(apis: readonly ApiProcess[]) {
    this.members = apis.map((api) => new Member(api));
  }

  /** @param clients how many send at the same time. */
  pick(random: Random, clients: number): Member {
    const up = this.members.filter((member) => member.up);
    const free = up.filter((member) => member.underWay < clients / this.members.length);
    return random.pick(free.length > 0 ? free : up);
  }

  /** Returns when every process uses its cache. */
  async whenReady(): Promise<void> {
    const isReady = async ({ api }: Member): Promise<boolean> =>
      (await (await fetch(`${api.baseUrl}/health/ready`)).text()).includes('"status":"ok"');
    const areReady = async (): Promise<boolean> =>
      (await Promise.all(this.members.map(isReady))).every(Boolean);
    await waitUntil(areReady, { timeoutMs: 60_000, what: 'every process to use its cache', intervalMs: 100 });
  }

  close(): void {
    for (const { client } of this.members) client.close();
  }
}

import { freePorts } from '../servers/free-port.js';
import { type FakeInstance, startFakeInstance } from './fake-instance.js';
import type { FakeSoftware } from './softwares.js';

/** Instances that are started one by one, at addresses that an application is given when it starts, before them. */
export class FakeInstances {
  readonly #started = new Set<FakeInstance>();
  readonly #secrets: string[] = [];
  /** For `INSTANCE_HOST_ALLOWLIST`. */
  readonly allowlist: readonly string[];

  private constructor(private readonly ports: number[]) {
    this.allowlist = ports.map((port) => `127.0.0.1:${port}`);
  }

  /** For no more than so many instances; the caller closes them. */
  static async atMost(count: number): Promise<FakeInstances> {
    return new FakeInstances(await freePorts(count));
  }

  /** All tokens and client secrets that the instances closed so far gave out. */
  get secrets(): readonly string[] {
    return this.#secrets;
  }

  async start(software: FakeSoftware): Promise<FakeInstance> {
    const fake = await startFakeInstance(software, { port: this.#takePort() });
    this.#started.add(fake);
    return fake;
  }

  /** The origin of an instance at which nobody listens. */
  absent(): string {
    return `http://127.0.0.1:${this.#takePort()}`;
  }

  async close(fake: FakeInstance): Promise<void> {
    this.#started.delete(fake);
    const { tokens, refreshTokens, apps } = fake.oauth;
    this.#secrets.push(...tokens.keys(), ...refreshTokens.keys());
    this.#secrets.push(...[...apps.values()].map(({ clientSecret }) => clientSecret));
    await fake.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#started].map((fake) => this.close(fake)));
  }

  #takePort(): number {
    const port = this.ports.pop();
    if (port === undefined) throw new Error('No address is left: ask for more instances.');
    return port;
  }
}

import { freePorts } from '../servers/free-port.js';
import { TxtServer } from '../servers/txt-server.js';
import { type BlueskyAccount, FakeBluesky, FakeDirectory } from './fake-bluesky.js';

const SERVERS = 6;

/** A network of the AT Protocol on loopback: its directory, the DNS of its handles, and servers. */
export class BlueskyNetwork {
  readonly #started: FakeBluesky[] = [];
  #handles = 0;

  private constructor(
    private readonly ports: number[],
    readonly directory: FakeDirectory,
    readonly dns: TxtServer,
  ) {}

  /** The caller closes it. */
  static async start(): Promise<BlueskyNetwork> {
    const [own = 0, ...ports] = await freePorts(SERVERS + 1);
    const directory = new FakeDirectory(own);
    await directory.start();
    return new BlueskyNetwork(ports, directory, await TxtServer.start());
  }

  get allowlist(): readonly string[] {
    return [this.directory.port, ...this.ports, ...this.#started.map(({ port }) => port)].map(
      (port) => `127.0.0.1:${port}`,
    );
  }

  get env(): Readonly<Record<string, string>> {
    return { BLUESKY_PLC_URL: this.directory.origin, BLUESKY_NAME_SERVERS: this.dns.address };
  }

  get secrets(): readonly string[] {
    return this.#started.flatMap(({ oauth }) => oauth.secrets);
  }

  /** @param entryway issues the tokens for it; without one it does that itself. */
  async server(entryway?: FakeBluesky): Promise<FakeBluesky> {
    const port = this.ports.pop();
    if (port === undefined) throw new Error('No address is left: ask for more servers.');
    const server = new FakeBluesky(port, this.directory, entryway);
    await server.start();
    this.#started.push(server);
    return server;
  }

  /** An account with a handle of its own that leads to it, signed in in the browser. */
  person(server: FakeBluesky): BlueskyAccount {
    const account = server.add(`person${++this.#handles}.test`);
    this.point(account.handle, account.did);
    return account;
  }

  /** Has the handle lead to an identity. */
  point(handle: string, did: string): void {
    this.dns.records.set(`_atproto.${handle}`, [`did=${did}`]);
  }

  /** The account is at another server now, as its identity says. */
  move(account: BlueskyAccount, from: FakeBluesky, to: FakeBluesky): void {
    from.accounts.delete(account.did);
    to.accounts.set(account.did, account);
    this.directory.documents.set(account.did, { handle: account.handle, pds: to.origin });
  }

  async close(): Promise<void> {
    this.dns.close();
    await Promise.all([this.directory, ...this.#started].map((server) => server.close()));
  }
}

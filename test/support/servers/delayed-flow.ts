import type { Socket } from 'node:net';

/** What the test does to a link; shared by all flows through it. */
export interface LinkState {
  latencyMs: number;
  hung: boolean;
}

interface Packet {
  /** By performance.now(), in milliseconds. */
  readonly dueAt: number;
  /** null: the end of the stream. */
  readonly bytes: Buffer | null;
}

/** Beyond this the sender is not read any more, so that it feels back pressure instead of filling our memory. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** One direction of a proxied connection: bytes pass in order, each no sooner than the link's latency allows. */
export class DelayedFlow {
  private readonly held: Packet[] = [];
  private heldBytes = 0;
  private lastDueAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly link: LinkState,
  ) {
    from.on('data', (bytes: Buffer) => this.hold(bytes));
    from.on('end', () => this.hold(null));
    to.on('drain', () => this.pump());
  }

  /** Passes on what is due, and sets the timer for the next. */
  pump(): void {
    this.stop();
    if (this.link.hung) return;
    for (let packet = this.held[0]; packet; packet = this.held[0]) {
      const waitMs = packet.dueAt - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(waitMs));
        return;
      }
      if (this.to.writableNeedDrain) return; // its 'drain' calls us again
      this.held.shift();
      this.pass(packet.bytes);
    }
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private hold(bytes: Buffer | null): void {
    // Never before its predecessor, also when the latency was lowered in between.
    this.lastDueAt = Math.max(this.lastDueAt, performance.now() + this.link.latencyMs);
    this.held.push({ dueAt: this.lastDueAt, bytes });
    this.heldBytes += bytes?.length ?? 0;
    if (this.heldBytes > MAX_HELD_BYTES) this.from.pause();
    this.pump();
  }

  private pass(bytes: Buffer | null): void {
    if (bytes === null) {
      this.to.end();
      return;
    }
    this.to.write(bytes);
    this.heldBytes -= bytes.length;
    if (this.heldBytes <= MAX_HELD_BYTES) this.from.resume();
  }
}

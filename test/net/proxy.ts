import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Flow, type FlowShape } from './flow.ts';

/** `up` is from whoever dialled to the target, `down` the way back. */
export type Direction = 'up' | 'down';

/**
 * A TCP proxy in user space for what a poor link does: it delays, limits the rate, loses connections, stops passing bytes without
 * closing (half-open, in one direction or both), refuses, and counts the bytes each way. Connections to it are the link; it
 * knows nothing of TLS.
 */
export interface LinkProxy {
  readonly port: number;
  /** Bytes passed since the last reset, TLS and all. */
  counted(): { readonly up: number; readonly down: number; readonly connections: number };
  resetCount(): void;
  /** Other delays and rates from now on, for connections that stand as well. What is not named stays. */
  shape(shapes: LinkShapes): void;
  /** New connections go there: the device has been moved. Those that stand stay where they are: `cut` and `restore` end them. */
  retarget(port: number): void;
  /** From now on each connection is closed after a random number of bytes, below twice this mean; undefined ends that. */
  lose(meanBytes: number | undefined): void;
  /** Closes all connections and refuses new ones until `restore`. */
  cut(): void;
  /** Closes all connections once; new ones are taken. */
  flap(): void;
  /**
   * Keeps connections open and passes nothing in that direction (default: in both), as when a modem loses its network; new
   * ones are accepted. Whoever sends is read no further: when the buffers on the way are full its window is zero.
   */
  freeze(direction?: Direction): void;
  /**
   * Connections that stand pass nothing any more, for good: neither end learns that the other has gone. New ones are not touched: a
   * device that has lost its network and dials over another.
   */
  strand(): void;
  restore(): void;
  close(): Promise<void>;
}

export interface LinkShapes extends Partial<FlowShape> {
  /** Only for that direction, in place of what holds for both. */
  readonly up?: Partial<FlowShape>;
  readonly down?: Partial<FlowShape>;
}

export interface LinkProxyOptions extends LinkShapes {
  readonly targetPort: number;
  readonly targetHost?: string;
  /** To listen on; 0 (default) takes a free one. */
  readonly port?: number;
  /** At least 0, below 1: after how many bytes a connection is lost. Default: Math.random. */
  readonly random?: () => number;
}

export async function startLinkProxy(options: LinkProxyOptions): Promise<LinkProxy> {
  const random = options.random ?? Math.random;
  const free: FlowShape = { delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
  const shapes = { up: merged(free, options, 'up'), down: merged(free, options, 'down') };
  const frozen = { up: false, down: false };
  const count = { up: 0, down: 0, connections: 0 };
  const links = new Set<ProxiedLink>();
  let target = options.targetPort;
  let meanBytes: number | undefined;
  let isCut = false;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    count.connections += 1;
    const upstream = connect({ port: target, host: options.targetHost ?? '127.0.0.1', allowHalfOpen: true });
    let left = meanBytes === undefined ? Number.POSITIVE_INFINITY : random() * 2 * meanBytes;
    const link = new ProxiedLink({
      client,
      upstream,
      shapes,
      frozen,
      onBytes: (direction, bytes) => {
        count[direction] += bytes;
        left -= bytes;
        if (left <= 0) link.end();
      },
      onGone: () => links.delete(link),
    });
    links.add(link);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  const endAll = () => {
    for (const link of [...links]) link.end();
  };
  return {
    port: (server.address() as AddressInfo).port,
    counted: () => ({ ...count }),
    resetCount: () => Object.assign(count, { up: 0, down: 0, connections: 0 }),
    shape: (changed) => {
      for (const direction of ['up', 'down'] as const) shapes[direction] = merged(shapes[direction], changed, direction);
      for (const link of links) link.reshape(shapes);
    },
    retarget: (port) => {
      target = port;
    },
    lose: (mean) => {
      meanBytes = mean;
    },
    cut: () => {
      isCut = true;
      endAll();
    },
    flap: endAll,
    freeze: (direction) => {
      if (direction !== 'down') frozen.up = true;
      if (direction !== 'up') frozen.down = true;
      for (const link of links) link.followFreeze();
    },
    strand: () => {
      for (const link of links) link.strand();
    },
    restore: () => {
      isCut = false;
      Object.assign(frozen, { up: false, down: false });
      for (const link of links) link.followFreeze();
    },
    close: () => {
      isCut = true;
      endAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function merged(before: FlowShape, changed: LinkShapes, direction: Direction): FlowShape {
  const own = changed[direction];
  return {
    delayMs: own?.delayMs ?? changed.delayMs ?? before.delayMs,
    bytesPerSecond: own?.bytesPerSecond ?? changed.bytesPerSecond ?? before.bytesPerSecond,
  };
}

interface ProxiedLinkOptions {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly shapes: Readonly<Record<Direction, FlowShape>>;
  readonly frozen: Readonly<Record<Direction, boolean>>;
  readonly onBytes: (direction: Direction, bytes: number) => void;
  readonly onGone: () => void;
}

/** One connection of each side, and the bytes between them. An error of one side ends the other, unless the way there is frozen. */
class ProxiedLink {
  readonly #options: ProxiedLinkOptions;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #broken = new Set<Socket>();
  #isOver = false;
  #isStranded = false;

  constructor(options: ProxiedLinkOptions) {
    this.#options = options;
    const { client, upstream, shapes, onBytes } = options;
    const pipe = (direction: Direction, from: Socket, to: Socket) =>
      new Pipe({
        from,
        to,
        shape: shapes[direction],
        isFrozen: () => this.#isFrozen(direction),
        onBytes: (bytes) => onBytes(direction, bytes),
      });
    this.#up = pipe('up', client, upstream);
    this.#down = pipe('down', upstream, client);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      // It is followed by `close`.
      socket.on('error', () => undefined);
      socket.on('close', (isBroken: boolean) => {
        if (isBroken) this.#broken.add(socket);
        this.#followClose();
      });
    }
  }

  reshape(shapes: ProxiedLinkOptions['shapes']): void {
    this.#up.reshape(shapes.up);
    this.#down.reshape(shapes.down);
  }

  strand(): void {
    this.#isStranded = true;
  }

  followFreeze(): void {
    this.#up.run();
    this.#down.run();
    this.#followClose();
  }

  end(): void {
    this.#up.stop();
    this.#down.stop();
    this.#options.client.destroy();
    this.#options.upstream.destroy();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onGone();
  }

  #isFrozen(direction: Direction): boolean {
    return this.#isStranded || this.#options.frozen[direction];
  }

  /** That a side broke is news for the other one, which comes the same way as its bytes. An end in order follows them by itself. */
  #followClose(): void {
    const { client, upstream } = this.#options;
    const isToldBy = (from: Socket, direction: Direction) => this.#broken.has(from) && !this.#isFrozen(direction);
    if (isToldBy(client, 'up') || isToldBy(upstream, 'down') || (client.closed && upstream.closed)) this.end();
  }
}

interface PipeOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly shape: FlowShape;
  readonly isFrozen: () => boolean;
  readonly onBytes: (count: number) => void;
}

/** One direction: the source is read while there is room for its bytes, and its end follows them. */
class Pipe {
  readonly #options: PipeOptions;
  readonly #flow: Flow;
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;
  #hasEnded = false;
  #isStopped = false;

  constructor(options: PipeOptions) {
    this.#options = options;
    this.#flow = new Flow(options.shape);
    const { from, to } = options;
    from.on('data', (chunk: Buffer) => {
      this.#flow.push(chunk, performance.now());
      this.run();
    });
    from.on('end', () => {
      this.#hasEnded = true;
      this.run();
    });
    to.on('drain', () => {
      this.#isBlocked = false;
      this.run();
    });
    this.run();
  }

  reshape(shape: FlowShape): void {
    this.#flow.shape = shape;
    this.run();
  }

  /** Passes what is due, and comes again when there is more. */
  run(): void {
    const { from, to, isFrozen, onBytes } = this.#options;
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    if (!isFrozen() && !this.#isBlocked) {
      for (const piece of this.#flow.take(performance.now())) {
        if (!to.write(piece)) this.#isBlocked = true;
        onBytes(piece.length);
        if (this.#isStopped) return;
      }
      if (this.#hasEnded && this.#flow.isEmpty && !to.writableEnded) to.end();
      const at = this.#flow.nextAt();
      if (at !== undefined && !this.#isBlocked) this.#timer = setTimeout(() => this.run(), Math.max(0, at - performance.now()));
    }
    const mayRead = !isFrozen() && !this.#isBlocked && !this.#flow.isFull;
    if (mayRead && from.isPaused()) from.resume();
    if (!mayRead && !from.isPaused()) from.pause();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}

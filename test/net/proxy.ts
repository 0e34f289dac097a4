import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy in user space for what a poor link does: it delays, limits the rate, stops passing bytes without closing
 * (half-open), closes, refuses, and counts the bytes each way. Connections to it are the link; it knows nothing of TLS.
 */
export interface LinkProxy {
  readonly port: number;
  /** Bytes passed since the last reset, TLS and all. */
  counted(): { readonly up: number; readonly down: number; readonly connections: number };
  resetCount(): void;
  /** Closes all connections and refuses new ones until `restore`. */
  cut(): void;
  /** Keeps connections open and passes nothing, as when a modem loses its network; new ones are accepted and stay silent. */
  freeze(): void;
  restore(): void;
  close(): Promise<void>;
}

export interface LinkProxyOptions {
  readonly targetPort: number;
  readonly targetHost?: string;
  /** To listen on; 0 (default) takes a free one. */
  readonly port?: number;
  /** Added to each direction: a round trip takes twice as long. Default 0. */
  readonly delayMs?: number;
  /** Each direction. Default: unlimited. */
  readonly bytesPerSecond?: number;
}

/**
 * - open: bytes pass
 * - frozen: connections stand, nothing passes
 * - cut: no connections
 */
type LinkState = 'open' | 'frozen' | 'cut';

export async function startLinkProxy(options: LinkProxyOptions): Promise<LinkProxy> {
  let state: LinkState = 'open';
  const count = { up: 0, down: 0, connections: 0 };
  const links = new Set<{ end(): void; thaw(): void }>();

  const server: Server = createServer({ allowHalfOpen: false }, (client) => {
    if (state === 'cut') {
      client.destroy();
      return;
    }
    count.connections += 1;
    const upstream = connect({ port: options.targetPort, host: options.targetHost ?? '127.0.0.1' });
    const up = pipe(
      client,
      upstream,
      options,
      () => state,
      (bytes) => {
        count.up += bytes;
      },
    );
    const down = pipe(
      upstream,
      client,
      options,
      () => state,
      (bytes) => {
        count.down += bytes;
      },
    );
    const link = {
      end: () => {
        client.destroy();
        upstream.destroy();
      },
      thaw: () => {
        up.thaw();
        down.thaw();
      },
    };
    links.add(link);
    const gone = () => {
      links.delete(link);
      up.stop();
      down.stop();
      link.end();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', gone);
      socket.on('close', () => {
        if (state !== 'frozen') gone();
      });
    }
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const end = () => {
    for (const link of [...links]) link.end();
    links.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    counted: () => ({ ...count }),
    resetCount: () => Object.assign(count, { up: 0, down: 0, connections: 0 }),
    cut: () => {
      state = 'cut';
      end();
    },
    freeze: () => {
      state = 'frozen';
    },
    restore: () => {
      state = 'open';
      for (const link of links) link.thaw();
    },
    close: () => {
      state = 'cut';
      end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** One direction: chunks wait in order for their time, and the source is paused while the destination or the rate holds them. */
function pipe(from: Socket, to: Socket, options: LinkProxyOptions, state: () => LinkState, onBytes: (count: number) => void) {
  const waiting: { readonly chunk: Buffer; readonly due: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let freeAt = 0;

  const drain = () => {
    timer = undefined;
    while (waiting[0] !== undefined && state() === 'open') {
      const wait = waiting[0].due - performance.now();
      if (wait > 0) {
        timer = setTimeout(drain, wait);
        return;
      }
      const next = waiting.shift();
      if (next === undefined || to.destroyed) return;
      onBytes(next.chunk.length);
      if (!to.write(next.chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    }
    if (waiting.length === 0 && from.readableEnded && !to.destroyed) to.end();
  };
  const schedule = () => {
    timer ??= setTimeout(drain, Math.max(0, (waiting[0]?.due ?? 0) - performance.now()));
  };
  from.on('data', (chunk: Buffer) => {
    const now = performance.now();
    const sendMs = options.bytesPerSecond === undefined ? 0 : (chunk.length / options.bytesPerSecond) * 1000;
    freeAt = Math.max(freeAt, now) + sendMs;
    waiting.push({ chunk, due: freeAt + (options.delayMs ?? 0) });
    if (sendMs > 0 && freeAt - now > 1000) {
      from.pause();
      setTimeout(() => from.resume(), freeAt - now - 500).unref();
    }
    schedule();
  });
  from.on('end', schedule);
  return {
    thaw: schedule,
    stop: () => {
      clearTimeout(timer);
      waiting.length = 0;
    },
  };
}

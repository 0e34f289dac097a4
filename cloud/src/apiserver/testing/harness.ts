import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { resourceById } from '@hawser/protocol';
import { pino } from 'pino';
import type { Change, ReflectorStatus } from '../../merge/change.ts';
import { createApiClient } from '../client.ts';
import type { ApiServerConnection } from '../credentials.ts';
import type { IdentityCheck } from '../list-checks.ts';
import { createReflector, type Reflector } from '../reflector.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { bookmark, event } from './objects.ts';
import { type Exchange, type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { until } from './until.ts';

export interface Harness {
  readonly server: ScriptedServer;
  readonly clock: FakeClock;
  readonly reflector: Reflector;
  /** As short words: `+a uid-a@12`, `-a uid-a@13`. Emptied by `changes`. */
  changes(): string[];
  /** The same without emptying it. */
  seen(): readonly string[];
  readonly statuses: readonly ReflectorStatus[];
  status(): ReflectorStatus;
  logs(): string;
  /** Waits for so many changes, and returns them. */
  emitted(count: number): Promise<string[]>;
  /** Waits for a resourceVersion up to which everything was emitted. */
  at(resourceVersion: number): Promise<void>;
  state(state: ReflectorStatus['state']): Promise<void>;
  /** Answers the first request as a WatchList with these objects and ends it there: the exchange goes on as a watch. */
  synced(resourceVersion: number, objects?: readonly object[]): Promise<Exchange>;
  /** The next request, which must be a watch from that resourceVersion. */
  resumed(resourceVersion: number): Promise<Exchange>;
  /** Refuses the WatchList, so that the next request is a list. */
  inPages(): Promise<void>;
}

export interface HarnessOptions {
  readonly identity?: IdentityCheck;
  readonly confirmsEmpty?: boolean;
  readonly onRestored?: (detail: string) => void;
  /** What the server says of how far it is; `asked` leaves that to the test. Default: as far as the reflector is. */
  readonly howFar?: 'asked';
  readonly resource?: string;
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly watchSilenceMs?: number;
  readonly onChange?: (change: Change) => void;
}

/** Half of what is possible: the waits of a backoff are then 400, 800, 1600 ms, and so on. */
const random = () => 0.5;

/** A reflector against a scripted server over real sockets, with a clock that the test moves. */
export async function harness(t: TestContext, options: HarnessOptions = {}): Promise<Harness> {
  const server = await scriptedServer(t, (exchange) => {
    if (options.howFar === 'asked' || !isHowFar(exchange)) return false;
    answerHowFar(exchange, reflector.status().resourceVersion ?? '1');
    return true;
  });
  const clock = createFakeClock();
  const resource = resourceById(options.resource ?? 'secrets');
  assert.ok(resource);
  let logs = '';
  const write = (line: string) => {
    logs += line;
  };
  const logger = pino({ level: 'debug' }, { write });
  const client = createApiClient(connectionTo(server), { logger, clock });
  let words: string[] = [];
  const statuses: ReflectorStatus[] = [];
  const reflector: Reflector = createReflector({
    resource,
    client,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.watchSilenceMs === undefined ? {} : { watchSilenceMs: options.watchSilenceMs }),
    clock,
    random,
    logger,
    ...(options.identity === undefined ? {} : { identity: options.identity }),
    ...(options.confirmsEmpty === undefined ? {} : { confirmsEmpty: options.confirmsEmpty }),
    ...(options.onRestored === undefined ? {} : { onRestored: options.onRestored }),
    emit(change) {
      words.push(word(change));
      options.onChange?.(change);
    },
    onStatus: (status) => statuses.push(status),
  });
  t.after(async () => {
    await reflector.stop();
    client.close();
    assert.deepEqual(clock.waits, [], 'no timer is left');
  });
  reflector.start();

  function changes(): string[] {
    const taken = words;
    words = [];
    return taken;
  }

  const self: Harness = {
    server,
    clock,
    reflector,
    changes,
    seen: () => words,
    statuses,
    status: () => reflector.status(),
    logs: () => logs,
    async emitted(count) {
      await until(
        `${count} changes`,
        () => words.length >= count,
        () => words.join(', '),
      );
      return changes();
    },
    at: (resourceVersion) =>
      until(
        `resourceVersion ${resourceVersion}`,
        () => reflector.status().resourceVersion === `${resourceVersion}`,
        () => JSON.stringify(reflector.status()),
      ),
    state: (state) =>
      until(
        `state ${state}`,
        () => reflector.status().state === state,
        () => JSON.stringify(reflector.status()),
      ),
    async synced(resourceVersion, objects = []) {
      const exchange = await server.next();
      assert.equal(exchange.query.get('sendInitialEvents'), 'true');
      for (const object of objects) await exchange.write(event('ADDED', object));
      await exchange.write(bookmark(resourceVersion, true));
      await self.state('synced');
      await self.at(resourceVersion);
      return exchange;
    },
    async resumed(resourceVersion) {
      const exchange = await server.next();
      assert.equal(exchange.query.get('watch'), 'true');
      assert.equal(exchange.query.get('resourceVersion'), `${resourceVersion}`);
      assert.equal(exchange.query.has('sendInitialEvents'), false);
      return exchange;
    },
    async inPages() {
      const exchange = await server.next();
      exchange.answer(422, { kind: 'Status', code: 422, reason: 'Invalid', message: 'sendInitialEvents is forbidden for watch' });
    },
  };
  return self;
}

/** So that each request that a test looks at has a connection of its own, and is not made again when that is cut. */
const CLOSE = { connection: 'close' };

/** The question how far the server is. */
export function isHowFar({ headers, query }: Exchange): boolean {
  return headers.accept?.includes('PartialObjectMetadataList') === true && query.get('limit') === '1';
}

export function answerHowFar(exchange: Exchange, resourceVersion: string | number): void {
  const metadata = { resourceVersion: `${resourceVersion}` };
  exchange.answer(200, { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: [] }, CLOSE);
}

export function connectionTo({ url, authority }: ScriptedServer): ApiServerConnection {
  return {
    server: url,
    credentials: async () => ({
      ca: authority.certificatePem,
      cert: undefined,
      key: undefined,
      servername: undefined,
      rejectUnauthorized: true,
      auth: undefined,
      headers: { authorization: 'Bearer test' },
      proxyAgent: undefined,
    }),
  };
}

function word(change: Change): string {
  const [mark, { key, uid, resourceVersion }] = change.type === 'delete' ? ['-', change] : ['+', change.object];
  return `${mark}${key.slice(key.lastIndexOf('/') + 1)} ${uid}@${resourceVersion}`;
}

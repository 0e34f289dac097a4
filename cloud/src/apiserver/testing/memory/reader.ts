/** A process with one reflector of Secrets and a consumer that keeps only their versions, as the relay does of what no node needs. */
import { readFileSync } from 'node:fs';
import { resourceById } from '@hawser/protocol';
import { pino } from 'pino';
import { systemClock } from '../../../clock.ts';
import { createApiClient, createReflector } from '../../index.ts';
import type { ReaderOrder, ReaderReport } from './messages.ts';

process.once('message', (order: ReaderOrder) => read(order));

function read({ url, caPem, secrets }: ReaderOrder): void {
  const resource = resourceById('secrets');
  if (resource === undefined) throw new Error('no Secrets in the resource table');
  const credentials = {
    ca: caPem,
    cert: undefined,
    key: undefined,
    servername: undefined,
    rejectUnauthorized: true,
    auth: undefined,
    headers: {},
    proxyAgent: undefined,
  };
  const logger = pino({ level: 'warn' });
  const held = new Map<string, string>();
  let upserts = 0;
  const report = (after: ReaderReport['after']) => {
    const peakMb = (Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024) / 1e6;
    const message: ReaderReport = { peakMb, upserts, held: held.size, after };
    process.send?.(message);
  };
  let hasListed = false;
  const reflector = createReflector({
    resource,
    client: createApiClient({ server: url, credentials: async () => credentials }, { logger }),
    clock: systemClock,
    random: Math.random,
    logger,
    emit(change) {
      if (change.type === 'delete') {
        held.delete(change.key);
        return;
      }
      upserts += 1;
      held.set(change.object.key, change.object.resourceVersion);
    },
    onStatus({ state, resourceVersion }) {
      if (state === 'synced' && !hasListed) {
        hasListed = true;
        report('list');
      }
      if (resourceVersion === `${2 * secrets + 1}`) report('changes');
    },
  });
  report('start');
  reflector.start();
  process.once('disconnect', () => process.exit());
}

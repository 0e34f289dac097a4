import { readFile, writeFile } from 'node:fs/promises';
import { startLinkProxy } from '../../net/proxy.ts';
import type { FleetAgent } from '../../support/fleet.ts';
import { type KubeClient, kubeClient } from '../../support/kube.ts';
import { valueIn } from '../../support/metrics-page.ts';
import { until } from '../../support/until.ts';
import { type LocalApi, outboxOf } from '../kubelet.ts';
import { type Cell, ENTRIES, type Writer } from './entries.ts';

/**
 * A point on the way of a report, and who is killed there. `run` brings the writes of a cell just there, kills, and starts again what
 * it has killed; when it resolves, everything runs and nothing holds anything any more. What the writers were not told is written
 * again, as a kubelet does.
 */
export interface Point {
  readonly name: string;
  readonly victim: 'agent' | 'relay' | 'both';
  readonly run: (cell: Cell) => Promise<void>;
}

const WRITERS = ['worn', 'labelled', 'fresh'] as const satisfies readonly Writer[];
const REACHED_MS = 30_000;
/** WebSocket header of a message from the relay, in bytes; several may share one TLS record. */
const AROUND_MESSAGE = 2;

export const POINTS: readonly Point[] = [
  {
    name: 'the write has not reached the device’s API',
    victim: 'agent',
    async run(cell) {
      for (const device of devices(cell)) process.kill(device.process().pid, 'SIGSTOP');
      const writes = Promise.allSettled(ENTRIES.map((entry) => entry.write(cell, cell.devices[entry.writer])));
      await killAgents(cell);
      await writes;
      await startAgents(cell);
      await write(cell);
    },
  },
  {
    name: 'it is on disk, and the writer has no answer',
    victim: 'agent',
    async run(cell) {
      for (const { link } of devices(cell)) link.cut();
      const held = await withHeldAnswers(cell);
      const writes = Promise.allSettled(ENTRIES.map((entry) => entry.write(cell, held.apis[entry.writer])));
      await reached('writes on disk', async () => waiting(cell) === ENTRIES.length);
      await killAgents(cell);
      await held.close();
      await writes;
      await startAgents(cell);
      await write(cell);
      for (const { link } of devices(cell)) link.restore();
    },
  },
  ...both('the writer has its answer, and nothing is sent', async (cell, kill) => {
    for (const { link } of devices(cell)) link.cut();
    await write(cell);
    await kill();
    for (const { link } of devices(cell)) link.restore();
  }),
  ...both('it is sent, and lost before the relay has read it', async (cell, kill) => {
    await sendIntoFrozenLink(cell);
    await kill(() => dropWhatIsHeld(cell));
  }),
  {
    name: 'it is sent, and the relay reads it after the agent has died',
    victim: 'agent',
    async run(cell) {
      await sendIntoFrozenLink(cell);
      await killAgents(cell);
      for (const { link } of devices(cell)) link.restore();
      await startAgents(cell);
    },
  },
  ...both('the relay has read it, and has not called', async (cell, kill) => {
    await holdAtApiServer(cell, 'hold');
    await write(cell);
    await reached('calls that are held', async () => (await cell.fleet.held()).requests === ENTRIES.length);
    await killAgents(cell);
    // What the next session brings waits for the calls of the last one, since they are of the same objects.
    await startAgents(cell);
    await reached('reports that wait', async () => {
      const count = valueIn(await cell.fleet.relayMetrics(), 'hawser_relay_reports{state="waiting"}');
      return count === ENTRIES.length;
    });
    await kill(() => cell.fleet.fault({ do: 'releaseHeld' }));
  }),
  ...both('the relay has called, and it is not done', async (cell, kill) => {
    await holdAtApiServer(cell, 'hold');
    await write(cell);
    await reached('calls that are held', async () => (await cell.fleet.held()).requests === ENTRIES.length);
    await kill(() => cell.fleet.fault({ do: 'releaseHeld' }));
  }),
  ...all('it is done, and the API server’s answer has not left', async (cell, kill) => {
    await holdAtApiServer(cell, 'holdAnswer');
    await write(cell);
    await reached('answers that are held', async () => (await cell.fleet.held()).answers === ENTRIES.length);
    await kill(() => cell.fleet.fault({ do: 'releaseHeld' }));
  }),
  ...both('the relay’s answer has left, and is lost', async (cell, kill) => {
    await answerIntoFrozenLink(cell);
    await kill(() => dropWhatIsHeld(cell));
    await cell.fleet.fault({ do: 'speakWatches' });
  }),
  {
    name: 'the answer has reached the device, and the agent has not read it',
    victim: 'agent',
    async run(cell) {
      const before = bytesDown(cell);
      const answered = await answerIntoFrozenLink(cell);
      for (const device of devices(cell)) process.kill(device.process().pid, 'SIGSTOP');
      for (const { link } of devices(cell)) link.restore();
      await reached('answers at the device', async () => bytesDown(cell) - before >= answered);
      await killAgents(cell);
      await cell.fleet.fault({ do: 'speakWatches' });
      await startAgents(cell);
    },
  },
  ...both('the agent has noted the answer', async (cell, kill) => {
    await write(cell);
    await reached('an empty outbox', async () => waiting(cell) === 0);
    await kill();
  }),
];

/** @param between to be done while the victim is dead */
type Kill = (between?: () => Promise<void> | void) => Promise<void>;

function both(name: string, run: (cell: Cell, kill: Kill) => Promise<void>): readonly Point[] {
  return all(name, run).filter(({ victim }) => victim !== 'both');
}

function all(name: string, run: (cell: Cell, kill: Kill) => Promise<void>): readonly Point[] {
  return (['agent', 'relay', 'both'] as const).map((victim) => ({
    name,
    victim,
    run: (cell) =>
      run(cell, async (between = () => undefined) => {
        if (victim !== 'relay') await killAgents(cell);
        if (victim !== 'agent') await cell.fleet.relay().kill();
        await between();
        if (victim !== 'agent') await cell.fleet.startRelay();
        if (victim !== 'relay') await startAgents(cell);
      }),
  }));
}

function devices(cell: Cell): readonly FleetAgent[] {
  return WRITERS.map((writer) => cell.devices[writer]);
}

async function write(cell: Cell): Promise<void> {
  await Promise.all(ENTRIES.map((entry) => entry.write(cell, cell.devices[entry.writer])));
}

async function killAgents(cell: Cell): Promise<void> {
  await Promise.all(devices(cell).map((device) => device.process().kill()));
}

async function startAgents(cell: Cell): Promise<void> {
  await Promise.all(devices(cell).map((device) => device.start()));
}

function reached(what: string, look: () => Promise<boolean>): Promise<boolean> {
  return until(what, REACHED_MS, undefined, look);
}

/** Entries of all outboxes, read from the files. */
export function waiting(cell: Cell): number {
  return devices(cell).reduce((sum, device) => sum + outboxOf(device), 0);
}

/** Bytes of a connection that is cut are lost, also those that the proxy has not read yet. */
function dropWhatIsHeld(cell: Cell): void {
  for (const { link } of devices(cell)) {
    link.cut();
    link.restore();
  }
}

async function sendIntoFrozenLink(cell: Cell): Promise<void> {
  const sent = async () => {
    const pages = await Promise.all(devices(cell).map((device) => device.metrics()));
    return pages.reduce((sum, page) => sum + valueIn(page, 'hawser_agent_reports_total{event="sent"}'), 0);
  };
  const before = await sent();
  for (const { link } of devices(cell)) link.freeze('up');
  await write(cell);
  await reached('reports that are sent', async () => (await sent()) - before === ENTRIES.length);
}

/** The changes themselves stay away, so that the answers come first. @returns how many bytes the answers are at least */
async function answerIntoFrozenLink(cell: Cell): Promise<number> {
  const { fleet } = cell;
  const answers = 'hawser_relay_messages_total{direction="out",type="reportAnswer"}';
  const bytes = 'hawser_relay_message_bytes_total{direction="out"}';
  await fleet.fault({ do: 'silenceWatches' });
  for (const { link } of devices(cell)) link.freeze('down');
  const before = await fleet.relayMetrics();
  await write(cell);
  const page = await until('answers that are sent', REACHED_MS, undefined, async () => {
    const now = await fleet.relayMetrics();
    return valueIn(now, answers) - valueIn(before, answers) === ENTRIES.length ? now : undefined;
  });
  return valueIn(page, bytes) - valueIn(before, bytes) + ENTRIES.length * AROUND_MESSAGE;
}

function bytesDown(cell: Cell): number {
  return devices(cell).reduce((sum, { link }) => sum + link.counted().down, 0);
}

/** Of each write that a device makes by its relay. */
async function holdAtApiServer(cell: Cell, type: 'hold' | 'holdAnswer'): Promise<void> {
  for (const writer of WRITERS) {
    const times = ENTRIES.filter((entry) => entry.writer === writer).length;
    const as = `system:node:${cell.devices[writer].node}`;
    await cell.fleet.fault({ do: 'add', fault: { type }, write: true, as, times });
  }
}

/** The devices' APIs by a way on which questions pass and answers do not. */
async function withHeldAnswers(cell: Cell) {
  const proxies = await Promise.all(
    devices(cell).map(async (device) => {
      const proxy = await startLinkProxy({ targetPort: Number(new URL(device.local.server).port) });
      const path = `${device.localKubeconfig}.held`;
      const text = await readFile(device.localKubeconfig, 'utf8');
      await writeFile(path, text.replaceAll(device.local.server, `https://127.0.0.1:${proxy.port}`), { mode: 0o600 });
      const local: KubeClient = await kubeClient(path);
      // Connections are made before, since a handshake needs answers.
      await Promise.all(ENTRIES.map(() => local.raw('GET', '/version')));
      proxy.freeze('down');
      return { api: { node: device.node, local }, proxy };
    }),
  );
  const apis = Object.fromEntries(proxies.map(({ api }, index) => [WRITERS[index], api])) as Record<Writer, LocalApi>;
  return {
    apis,
    async close() {
      for (const { api, proxy } of proxies) {
        await proxy.close();
        api.local.close();
      }
    },
  };
}

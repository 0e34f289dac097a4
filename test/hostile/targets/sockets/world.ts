import { API_RESOURCES } from '@hawser/protocol';
import { startTwoDevices, type TwoDevices } from '../../two-devices.ts';

/** A relay with two devices: the one whose place the fuzzer takes, and one that must notice nothing. */
export interface World extends TwoDevices {
  /** Told in a text: all that is not of the first device, and what the other was told. */
  others(): string;
  /** All objects of the cluster, with their versions. */
  objects(): string;
  /** @throws when the relay or the other device came to harm */
  check(): void;
  close(): Promise<void>;
}

/** Far above what one fuzzer does in a second, which the relay's own bounds would end: those have tests of their own. */
const WIDE = {
  'limits.framesPerSecond': '10000',
  'limits.enrolAttempts': '1000000',
  'limits.enrolWrongSecrets': '1000',
  'limits.connectionsPerAddress': '1000',
  'limits.handshakesPerAddress': '256',
};

export async function openWorld(): Promise<World> {
  const ends: (() => unknown)[] = [];
  const close = async () => {
    for (const end of ends.toReversed()) await end();
  };
  const world = await startTwoDevices({ after: (end) => void ends.push(end) }, WIDE).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const { agentB, cluster } = world;
  let hasClosed = false;
  void agentB.closed.then(() => {
    hasClosed = true;
  });
  return {
    ...world,
    others: () => JSON.stringify([...world.snapshot()]) + agentB.messages.length,
    objects: () =>
      API_RESOURCES.flatMap(({ id }) =>
        cluster.api.storage
          .list(id)
          .filter(({ metadata }) => id !== 'coordination.k8s.io/leases' || metadata.namespace !== 'hawser-system')
          .map(({ metadata }) => `${id}/${metadata.namespace}/${metadata.name} ${metadata.resourceVersion}`),
      ).join('\n'),
    check() {
      if (hasClosed) throw new Error('the other device has lost its link');
      if (cluster.relay.readiness().type !== 'ready') throw new Error('the relay is not ready any more');
      const fault = world.logs.find(({ level }) => Number(level) >= 50);
      if (fault !== undefined) throw new Error(`the relay has logged a fault of its own: ${JSON.stringify(fault)}`);
      world.logs.length = 0;
    },
    close,
  };
}

import type { KubeObject } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { fullJitter } from '../../link/index.ts';
import type { HollowClient } from './client.ts';
import { collection } from './client.ts';
import { jsonOf } from './fields.ts';
import { follow } from './follow.ts';
import { type NodeFacts, nodeObject, nodeStatus } from './node-object.ts';

export interface NodeWorkerOptions {
  readonly client: HollowClient;
  readonly facts: NodeFacts;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface NodeWorker {
  /** The cloud says that it has no such Node, whatever the device holds: registers anew. */
  registerAnew(): void;
  stop(): void;
}

/** A kubelet reports an unchanged status so often, in milliseconds (nodeStatusReportFrequency). */
const HEARTBEAT_MS = 5 * 60_000;
/** Waits before a registration that was refused is tried again. */
const REGISTRATION_BACKOFF = { baseMs: 2_000, capMs: 120_000 };
/** A status that something undoes is not written again before, in milliseconds. */
const REPEAT_MS = 10_000;

/** Registers the Node, and keeps its status as it should be. */
export function createNodeWorker({ client, facts, clock, random, logger }: NodeWorkerOptions): NodeWorker {
  let isStopped = false;
  let isBusy = false;
  let isDirty = false;
  let refusals = 0;
  let registerAt = 0;
  let reportedAt = 0;
  let cancelTimer = () => {};

  function wake(): void {
    isDirty = true;
    if (!isBusy && !isStopped) void work();
  }

  function wakeIn(milliseconds: number): void {
    cancelTimer();
    cancelTimer = clock.after(milliseconds, wake);
  }

  async function work(): Promise<void> {
    isBusy = true;
    while (isDirty && !isStopped) {
      isDirty = false;
      try {
        await pass();
      } catch (err) {
        logger.warn({ err, node: facts.name }, 'node not reported');
        wakeIn(REPEAT_MS);
      }
    }
    isBusy = false;
  }

  async function pass(): Promise<void> {
    const node = await client.get('nodes', '', facts.name);
    if (node === undefined) await register();
    else await report(node);
  }

  async function register(): Promise<void> {
    const now = clock.now();
    if (now.getTime() < registerAt) {
      wakeIn(registerAt - now.getTime());
      return;
    }
    // Gone again without having been accepted means refused: not at once again.
    registerAt = now.getTime() + REGISTRATION_BACKOFF.baseMs + fullJitter(REGISTRATION_BACKOFF, refusals, random);
    refusals += 1;
    await client.create('nodes', '', nodeObject(facts, now));
    reportedAt = now.getTime();
    logger.info({ node: facts.name }, 'node registering');
  }

  /** The removal stays on the device: a node may not delete its Node, and the cloud has none. */
  async function replace(): Promise<void> {
    const node = await client.get('nodes', '', facts.name);
    if (node !== undefined) await client.remove(node);
    registerAt = 0;
    await register();
  }

  async function report(node: KubeObject): Promise<void> {
    const now = clock.now();
    const sinceReport = now.getTime() - reportedAt;
    if (sinceReport < REPEAT_MS) {
      wakeIn(REPEAT_MS - sinceReport);
      return;
    }
    const isHeartbeatDue = sinceReport >= HEARTBEAT_MS;
    const status = nodeStatus(facts, jsonOf(node.status), now, isHeartbeatDue);
    const isReported = await client.patchStatus(node, status);
    if (isReported || isHeartbeatDue) reportedAt = now.getTime();
    wakeIn(reportedAt + HEARTBEAT_MS - now.getTime());
  }

  const stopFollowing = follow({
    registry: client.registry,
    identity: client.identity,
    target: collection('nodes'),
    fieldSelector: `metadata.name=${facts.name}`,
    clock,
    logger,
    onObject: wake,
    onGone: wake,
  });
  wake();

  return {
    registerAnew() {
      replace().catch((err: unknown) => logger.warn({ err, node: facts.name }, 'node not registered anew'));
    },
    stop() {
      isStopped = true;
      cancelTimer();
      stopFollowing();
    },
  };
}

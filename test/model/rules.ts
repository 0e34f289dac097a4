import { Digest, type ObjectKey, type RelayMessage, sameVersion } from '@hawser/protocol';
import type { Cluster } from './cluster.ts';
import type { Row } from './device.ts';
import { RELAY_LIMITS, type SimulatedRelay } from './relay.ts';
import { hold, Violation } from './violation.ts';

/**
 * The rules of the design, "Rules that must hold whatever happens", as functions that throw a Violation. Each judges by what really
 * is (the true cluster's history, the rows in a device's database, frames on the wire), not by what the product says of itself.
 */

/** Rule 1: before all its reflectors have synced a relay sends no object, deletes none, asks for nothing and says of nobody that it is in sync. */
export function rule1NothingBeforeSynced(relay: SimulatedRelay, message: RelayMessage): void {
  const saysInSync = (message.type === 'welcome' || message.type === 'status') && message.status.state === 'inSync';
  if (message.type !== 'batch' && message.type !== 'inventoryRequest' && !saysInSync) return;
  hold(relay.hasSynced, '1 synced', () => `${relay.name} sends a ${message.type} before its reflectors have synced`);
}

/** Rule 2: no object on a device goes back in time. */
export function rule2NeverBackwards(cluster: Cluster, where: string, before: Row, after: Row): void {
  const from = cluster.past.findAll(before.key, before.version);
  const to = cluster.past.findAll(after.key, after.version);
  // A row that was damaged says nothing of what was held.
  if (from.length === 0 || to.length === 0) return;
  const isForwards = from.some((one) => to.some((other) => cluster.past.isForwards(one, other)));
  hold(isForwards, '2 backwards', () => `${where}: ${nameOf(before)} becomes ${nameOf(after)}`);
}

/** Rule 3: objects of no other cluster than the store's own. */
export function rule3OwnCluster(own: Cluster | undefined, where: string, row: Row): void {
  hold(own?.gave(row.version.uid) === true, '3 cluster', () => `${where}: ${nameOf(row)} is of another cluster than the store`);
}

/** Rule 3: a store that belongs to a cluster belongs to it for good. */
export function rule3ClusterForGood(where: string, before: string | undefined, after: string | undefined): void {
  hold(
    before === undefined || before === after,
    '3 cluster',
    () => `the store of ${where} belonged to ${before} and now to ${after}`,
  );
}

/** Rule 3: most of the set goes only after the relay has marked that it has sent all that is desired. */
export function rule3MarkBeforeMost(where: string, held: number, removed: number, isMarked: boolean): void {
  if (isMarked) return;
  const most = Math.max(FEW_DELETES, held / 2);
  hold(removed <= most, '3 mark', () => `${where}: ${removed} of ${held} objects are gone, and nothing was marked as complete`);
}

/** So few deletes are an ordinary change. */
const FEW_DELETES = 10;

/**
 * Rules 2 to 4 and 7: an object goes only when this very one (by uid) was not wanted there at some moment since that version; or,
 * should it be neither pod nor Node, when nothing that is left on the device names it. The latter since a relay takes changes of
 * several pods in another order than they came about when one of them changed twice: for a moment it may see nobody who needs what somebody
 * always needed. That costs bytes and harms no pod.
 */
export function rule4DeletedOnlyUnwanted(cluster: Cluster, where: string, node: string, row: Row, left: Iterable<Row>): void {
  const versions = cluster.past.findAll(row.key, row.version);
  if (versions.length === 0 || versions.some((version) => cluster.past.wasUnwantedSince(node, row.key, version))) return;
  const isUnneeded = !/^(pods|nodes)\//.test(row.key) && ![...left].some((other) => needs(cluster, other, row.key));
  hold(isUnneeded, '4 deleted', () => `${where}: ${nameOf(row)} is deleted, and the cluster has wanted it there all the time`);
}

function needs(cluster: Cluster, { key, version }: Row, need: ObjectKey): boolean {
  const facts = cluster.past.find(key, version)?.facts ?? {};
  return facts.needs?.includes(need) === true || facts.volume === need;
}

/** Rule 4: a delete of one uid never removes an object of another. */
export function rule4DeletedByUid(where: string, before: Iterable<string>, after: ReadonlyMap<string, Row>): void {
  const gone = [...before].filter((key) => !after.has(key));
  hold(gone.length === 0, '4 by uid', () => `${where}: ${gone.join(', ')} went with a delete that named another uid`);
}

/** Rule 5: of each node a relay has at most one live session. */
export function rule5OneSession(relay: SimulatedRelay): void {
  const nodes = new Set<string>();
  for (const link of relay.links.keys()) {
    if (link.status() === undefined) continue;
    hold(!nodes.has(link.node), '5 session', () => `${relay.name} has two live sessions of ${link.node}`);
    nodes.add(link.node);
  }
  const { sessions } = relay.downstream.stats();
  hold(sessions === nodes.size, '5 session', () => `${relay.name} counts ${sessions} sessions, and ${nodes.size} links are live`);
}

/** Rule 6: what leaves as acknowledged is what the database has at that moment. */
export function rule6AcknowledgedIsStored(where: string, acknowledged: string, rows: readonly Row[]): void {
  const stored = digestOf(rows);
  hold(stored === acknowledged, '6 durable', () => `${where} acknowledges ${acknowledged} and has stored ${stored}`);
}

/** Rule 6: what was stored when the process died is there when the next one starts. What had been refused it may ask for anew. */
export function rule6SurvivesCrash(where: string, before: Survivor, after: Survivor): void {
  const lost = before.rows.find((row) => !after.rows.some((other) => isSame(row, other)));
  hold(lost === undefined, '6 durable', () => `${where} had stored ${lost && nameOf(lost)} and lacks it after the restart`);
  hold(
    before.rows.length === after.rows.length && before.outbox === after.outbox,
    '6 durable',
    () =>
      `${where} had ${before.rows.length} objects and ${before.outbox} reports, and has ${after.rows.length} and ${after.outbox} after the restart`,
  );
}

function isSame(one: Row, other: Row): boolean {
  if (one.key !== other.key) return false;
  return one.isRefused || (sameVersion(one.version, other.version) && one.body === other.body);
}

export interface Survivor {
  readonly rows: readonly Row[];
  readonly outbox: number;
}

/** Rule 7, and no delta applied wrongly: what a row says is, byte for byte, a version that the cluster really had. */
export function rule7ContentIsTrue(cluster: Cluster, where: string, row: Row): void {
  const version = cluster.past.find(row.key, row.version);
  hold(version !== undefined, '7 content', () => `${where}: ${nameOf(row)} was never such`);
  if (row.isRefused) return;
  hold(row.body === version.body, '7 content', () => `${where}: ${nameOf(row)} has another body than it had in the cluster`);
}

/** Rule 9: windows and caches of a relay keep within their bounds. */
export function rule9Bounds(relay: SimulatedRelay): void {
  for (const link of relay.links.keys()) {
    const stats = link.stats();
    if (stats === undefined) continue;
    const { inflightBatches, inflightBytes, known } = stats;
    hold(
      inflightBatches <= RELAY_LIMITS.windowBatches,
      '9 window',
      () => `${inflightBatches} batches are under way to ${link.node}`,
    );
    const isWithin = inflightBytes <= RELAY_LIMITS.windowBytes || inflightBatches === 1;
    hold(isWithin, '9 window', () => `${inflightBytes} bytes in ${inflightBatches} batches are under way to ${link.node}`);
    hold(known <= RELAY_LIMITS.inventoryEntries * 2, '9 memory', () => `${known} objects are known of ${link.node}`);
  }
  const { encodedBytes, bodies, missingBodies } = relay.downstream.stats();
  hold(encodedBytes <= RELAY_LIMITS.encodedBytes, '9 memory', () => `${encodedBytes} bytes of encoded bodies are kept`);
  const most = relay.cluster.objects.size + relay.cluster.past.size;
  hold(bodies + missingBodies <= most, '9 memory', () => `${bodies} bodies and ${missingBodies} wishes of ${most} objects`);
}

/** Both sides count the same: without damage or loss on the device no digest differs. */
export function digestsAgree(where: string, mismatches: number, mayDiffer: boolean): void {
  hold(mismatches === 0 || mayDiffer, 'digest', () => `${where}: ${mismatches} digests differed, and nothing was damaged`);
}

export function digestOf(rows: Iterable<Row>): string {
  const digest = new Digest();
  for (const { key, version } of rows) digest.add(key, version);
  return digest.toString();
}

export function nameOf({ key, version }: { readonly key: ObjectKey; readonly version: Row['version'] }): string {
  return `${key} ${version.uid.slice(-4)}@${version.resourceVersion}`;
}

/** Logged as errors by the product where the other side, or it itself, did what may not be. */
export function productComplains(message: string, detail: string): never {
  throw new Violation('complaint', `${message}: ${detail}`);
}

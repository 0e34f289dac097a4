import { expect, expectEqual, expectStatus, NotApplicable, objectOf } from '../expect.ts';
import { isObject, type KubeObject, pathOf } from '../http/objects.ts';
import { type Check, type Kit, MERGE, STRATEGIC } from '../kit.ts';
import type { Subject } from '../subjects/subject.ts';
import { typeOf, versionOf, watchFromNow } from './watches.ts';

/** What only pods show: two writers with a path for each, lists that merge by a key, fields to select by. */
export const POD_CHECKS: readonly Check[] = [
  {
    name: 'pods.status',
    what: 'status is written by /status alone, and /status writes nothing of the spec',
    async run(kit) {
      const { pods, name } = await onePod(kit, 'status');
      const body = { status: { message: 'told' }, spec: { terminationGracePeriodSeconds: 7 } };
      const set = objectOf('patch of /status', await kit.patch(name, body, MERGE, pods));
      expectEqual('message', fieldOf(set, 'status', 'message'), 'told');
      expectEqual('grace, which is of the spec', fieldOf(set, 'spec', 'terminationGracePeriodSeconds'), 0);
      const main = await kit.client.call('PATCH', kit.path(name, pods), {
        body: { status: { message: 'not told' } },
        contentType: MERGE,
      });
      // A device lets nobody write the rest of a pod.
      expectStatus('patch of the pod itself', main, 200, 403);
      expectEqual('message after it', fieldOf(await kit.get(name, pods), 'status', 'message'), 'told');
      await kit.remove(name, pods);
    },
  },
  {
    name: 'pods.conditions',
    what: 'conditions merge by type and podIPs by ip under a strategic merge patch, container statuses are replaced, $patch: delete deletes',
    async run(kit) {
      const { pods, name } = await onePod(kit, 'merge');
      const strategic = async (status: object) =>
        objectOf('patch of /status', await kit.patch(name, { status }, STRATEGIC, pods)).status;
      const condition = (type: string, status: string) => ({ type, status });
      await strategic({ conditions: [condition('example.com/A', 'True'), condition('example.com/B', 'True')] });
      const merged = await strategic({ conditions: [condition('example.com/B', 'False')] });
      const own = (status: unknown) =>
        listAt(status, 'conditions')
          .filter(({ type }) => String(type).startsWith('example.com/'))
          .map(({ type, status: value }) => `${type} ${value}`);
      expectEqual('conditions', own(merged).toSorted(), ['example.com/A True', 'example.com/B False']);
      const deleted = await strategic({ conditions: [{ $patch: 'delete', type: 'example.com/A' }] });
      expectEqual('conditions after a delete', own(deleted), ['example.com/B False']);
      const statuses = (image: string) => [
        { name: 'main', image, imageID: '', ready: false, restartCount: 0, state: { waiting: { reason: 'Conformance' } } },
      ];
      await strategic({ containerStatuses: statuses('a') });
      const replaced = await strategic({ containerStatuses: statuses('b') });
      expectEqual(
        'images of the container statuses',
        listAt(replaced, 'containerStatuses').map(({ image }) => image),
        ['b'],
      );
      await strategic({ podIP: '192.0.2.1', podIPs: [{ ip: '192.0.2.1' }] });
      const ips = await strategic({ podIPs: [{ ip: '2001:db8::1' }] });
      expectEqual(
        'podIPs',
        listAt(ips, 'podIPs')
          .map(({ ip }) => ip)
          .toSorted(),
        ['192.0.2.1', '2001:db8::1'],
      );
      await kit.remove(name, pods);
    },
  },
  {
    name: 'pods.fields',
    what: 'pods are selected by status.phase and spec.nodeName, and a change of phase enters and leaves a watch that selects by it',
    async run(kit) {
      const { pods, name, selector } = await onePod(kit, 'phase');
      const list = async (fieldSelector: string) => {
        const query = { labelSelector: selector, fieldSelector };
        const { items } = objectOf(fieldSelector, await kit.client.call('GET', kit.collection(pods), { query }));
        return Array.isArray(items) ? items.length : -1;
      };
      const setPhase = async (phase: string) => objectOf('phase', await kit.patch(name, { status: { phase } }, MERGE, pods));
      const node = String(fieldOf(await kit.get(name, pods), 'spec', 'nodeName') ?? '');
      const { metadata } = objectOf('list', await kit.client.call('GET', kit.collection(pods), { query: { limit: 1 } }));
      const watch = await kit.watch(kit.collection(pods), {
        labelSelector: selector,
        fieldSelector: 'status.phase=Running',
        resourceVersion: metadata.resourceVersion,
      });
      const running = await setPhase('Running');
      expectEqual('by status.phase=Running', await list('status.phase=Running'), 1);
      expectEqual('by status.phase=Failed', await list('status.phase=Failed'), 0);
      expectEqual('by spec.nodeName of it', await list(`spec.nodeName=${node}`), 1);
      expectEqual('by another spec.nodeName', await list('spec.nodeName=hawser-conformance-none'), 0);
      const failed = await setPhase('Failed');
      const events = await watch.take(2);
      watch.cut();
      expectEqual('events', events.map(typeOf), ['ADDED', 'DELETED']);
      expectEqual(
        'versions',
        events.map(({ object }) => versionOf(object)),
        [versionOf(running), versionOf(failed)],
      );
      expectEqual('phase in the DELETED of one that left', events[1] && fieldOf(events[1].object, 'status', 'phase'), 'Running');
      await kit.remove(name, pods);
    },
  },
  {
    name: 'pods.table',
    what: 'pods as a Table have the columns that kubectl shows',
    async run(kit) {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const { readable } = kit.options;
      if (readable.resource !== 'pods') kit.pods;
      const path = pathOf({ ...readable, resource: 'pods', group: '', version: 'v1', kind: 'Pod', namespaced: true }, '');
      const answer = await kit.client.call('GET', path, { accept, query: { limit: 1 } });
      const table = objectOf('pods', answer);
      const names = listAt(table, 'columnDefinitions').map(({ name }) => name);
      expectEqual('columns', names.slice(0, 5), ['Name', 'Ready', 'Status', 'Restarts', 'Age']);
    },
  },
  {
    name: 'pods.grace',
    what: 'a pod that is bound is marked by a delete, with the end of its grace, and gone after one without grace',
    async run(kit) {
      const { pods, name, selector } = await onePod(kit, 'grace');
      const pod = await kit.get(name, pods);
      if (fieldOf(pod, 'spec', 'nodeName') === undefined) throw new NotApplicable('gated pods are bound to no node');
      const watch = await watchFromNow(kit, selector);
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 600 };
      const marked = objectOf('delete', await kit.client.call('DELETE', kit.path(name, pods), { body }));
      expectEqual('kind of the answer', marked.kind, 'Pod');
      expect(marked.metadata.deletionTimestamp !== undefined, 'the pod has no deletionTimestamp');
      expectEqual('its grace', marked.metadata.deletionGracePeriodSeconds, 600);
      expectEqual('uid', (await kit.get(name, pods)).metadata.uid, pod.metadata.uid);
      await kit.remove(name, pods);
      const events: string[] = [];
      while (events.at(-1) !== 'DELETED') {
        const event = await watch.next();
        if (event === undefined) break;
        events.push(event.type);
      }
      watch.cut();
      expectEqual('first and last event', [events[0], events.at(-1)], ['MODIFIED', 'DELETED']);
    },
  },
];

async function onePod(kit: Kit, what: string): Promise<{ pods: Subject; name: string; selector: string }> {
  const { pods } = kit;
  const name = kit.name(what);
  const { labels, selector } = kit.group(what);
  await kit.create(name, { labels, subject: pods });
  return { pods, name, selector };
}

function fieldOf(object: KubeObject, outer: string, inner: string): unknown {
  const holder = object[outer];
  return isObject(holder) ? holder[inner] : undefined;
}

function listAt(holder: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isObject(holder) ? holder[field] : undefined;
  return Array.isArray(list) ? list : [];
}

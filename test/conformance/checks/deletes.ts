import { expect, expectEqual, expectRefused, expectStatus, listOf, NotApplicable, objectOf } from '../expect.ts';
import type { Check } from '../kit.ts';
import { collected } from './lists.ts';
import { typeOf, versionOf, watchFromNow } from './watches.ts';

const OTHER_UID = '00000000-0000-4000-8000-000000000000';
const FINALIZER = 'example.com/hawser-conformance';

export const DELETE_CHECKS: readonly Check[] = [
  {
    name: 'delete.preconditions',
    what: 'a delete with another uid or version is 409 Conflict and deletes nothing; with the right ones it deletes',
    async run(kit) {
      const name = kit.name('delete');
      const first = await kit.create(name);
      const second = await kit.change(name, '2');
      const remove = (preconditions: object) =>
        kit.client.call('DELETE', kit.path(name), {
          body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions },
        });
      expectRefused('another uid', await remove({ uid: OTHER_UID }), 409, 'Conflict');
      expectRefused('another version', await remove({ resourceVersion: versionOf(first) }), 409, 'Conflict');
      expectEqual('the object after that', versionOf(await kit.get(name)), versionOf(second));
      const right = { uid: first.metadata.uid, resourceVersion: versionOf(second) };
      expectStatus('the right uid and version', await remove(right), 200);
      expectRefused('get after it', await kit.client.call('GET', kit.path(name)), 404, 'NotFound');
    },
  },
  {
    name: 'delete.answers',
    what: 'a delete answers Success with the uid, or the object; one of what is not there 404; options that are none are refused',
    async run(kit) {
      const name = kit.name('answer');
      const { metadata } = await kit.create(name);
      const wrong = await kit.client.call('DELETE', kit.path(name), { query: { propagationPolicy: 'Sideways' } });
      expectRefused('propagationPolicy that is none', wrong, [400, 422]);
      const answer = await kit.client.call('DELETE', kit.path(name), { query: { gracePeriodSeconds: 0 } });
      const object = objectOf('delete', answer);
      if (object.kind === 'Status') {
        expectEqual('status', object.status, 'Success');
        expectEqual('uid', answer.failure.details?.uid, metadata.uid);
      } else expectEqual('uid', object.metadata.uid, metadata.uid);
      expectRefused('delete of what is not there', await kit.client.call('DELETE', kit.path(name)), 404, 'NotFound');
    },
  },
  {
    name: 'delete.collection',
    what: 'deletecollection with a selector deletes what it chooses and nothing else, and answers what it deleted',
    async run(kit) {
      if (!kit.subject.deletesCollections) throw new NotApplicable(`${kit.subject.title} may not be deleted together here`);
      const { labels, selector } = kit.group('collection');
      const names = Array.from({ length: 4 }, () => kit.name('collection'));
      for (const [i, name] of names.entries()) await kit.create(name, { labels: { ...labels, goes: i < 3 ? 'yes' : 'no' } });
      const query = { labelSelector: `${selector},goes=yes`, gracePeriodSeconds: 0 };
      const answer = await kit.client.call('DELETE', kit.collection(), { query });
      const gone = listOf('deletecollection', answer).items.map(({ metadata }) => metadata.name ?? '');
      expectEqual('what it answers', gone.toSorted(), names.slice(0, 3).toSorted());
      const { items } = await collected(kit, { labelSelector: selector });
      expectEqual(
        'what is left',
        items.map(({ metadata }) => metadata.name),
        names.slice(3),
      );
      await kit.remove(names[3] ?? '');
    },
  },
  {
    name: 'delete.finalizers',
    what: 'an object with a finalizer is marked by a delete, and gone with its last finalizer; watchers see both',
    async run(kit) {
      kit.requirePatches();
      if (kit.subject.through !== '') throw new NotApplicable(`${kit.subject.title} take no finalizers here`);
      const { labels, selector } = kit.group('finalizer');
      const name = kit.name('finalizer');
      await kit.create(name, { labels });
      objectOf('finalizer', await kit.patch(name, { metadata: { finalizers: [FINALIZER] } }));
      const watch = await watchFromNow(kit, selector);
      const marked = objectOf('delete', await kit.client.call('DELETE', kit.path(name)));
      expect(marked.metadata.deletionTimestamp !== undefined, 'the answer of the delete has no deletionTimestamp');
      expectEqual('it is still there', (await kit.get(name)).metadata.uid, marked.metadata.uid);
      const created = await kit.client.call('POST', kit.collection(), { body: kit.subject.body(name, {}, '1') });
      expectRefused('create over it', created, 409, 'AlreadyExists');
      const added = await kit.patch(name, { metadata: { finalizers: [FINALIZER, 'example.com/late'] } });
      expectRefused('one more finalizer', added, 422, 'Invalid');
      expectStatus('no finalizers', await kit.patch(name, { metadata: { finalizers: null } }), 200);
      expectRefused('get after it', await kit.client.call('GET', kit.path(name)), 404, 'NotFound');
      const events = [await watch.next(), await watch.next()].flatMap((event) => event ?? []);
      watch.cut();
      expectEqual('events', events.map(typeOf), ['MODIFIED', 'DELETED']);
    },
  },
];

import { expect, expectEqual, expectRefused, expectStatus, NotApplicable, objectOf } from '../expect.ts';
import type { KubeObject } from '../http/objects.ts';
import type { Check, Kit } from '../kit.ts';
import { versionOf } from './watches.ts';

/** A uid that no object has. */
const OTHER_UID = '00000000-0000-4000-8000-000000000000';
/** More than the largest body that an API server takes, 3 MiB. */
const TOO_LARGE = 3 * 1024 * 1024 + 1024;

export const WRITE_CHECKS: readonly Check[] = [
  {
    name: 'create.metadata',
    what: 'a create is answered 201 with uid, version and time of the server, whatever the body said of them',
    async run(kit) {
      const name = kit.name('create');
      const body = withMetadata(bodyOf(kit, name), {
        uid: OTHER_UID,
        creationTimestamp: '2001-02-03T04:05:06Z',
        deletionTimestamp: '2001-02-03T04:05:06Z',
      });
      kit.options.trash.note(kit.subject.kind, kit.subject.namespace, name);
      const answer = await kit.client.call('POST', kit.collection(), { body });
      expectStatus('create', answer, 201);
      const { metadata } = objectOf('create', answer);
      expectEqual('name and namespace', [metadata.name, metadata.namespace], [name, kit.subject.namespace]);
      expect(metadata.uid !== undefined && metadata.uid !== OTHER_UID, `uid is ${metadata.uid}`);
      expect(metadata.resourceVersion !== undefined, 'there is no resourceVersion');
      expect(!String(metadata.creationTimestamp).startsWith('2001'), `creationTimestamp is ${metadata.creationTimestamp}`);
      expectEqual('deletionTimestamp', metadata.deletionTimestamp, undefined);
      expectEqual('what a get says', await kit.get(name), answer.object);
      await kit.remove(name);
    },
  },
  {
    name: 'create.refusals',
    what: 'a create of what is there is 409 AlreadyExists; without a name, with one that is none, with a wrong namespace or kind: refused',
    async run(kit) {
      const name = kit.name('twice');
      await kit.create(name);
      const create = (body: unknown) => kit.client.call('POST', kit.collection(), { body });
      const again = await create(bodyOf(kit, name));
      expectRefused('create of what is there', again, 409, 'AlreadyExists');
      expectEqual('details', [again.failure.details?.name, again.failure.details?.kind], [name, kit.subject.kind.resource]);
      await kit.remove(name);
      expectRefused('without a name', await create(bodyOf(kit, undefined)), 422, 'Invalid');
      expectRefused('a name that is none', await create(bodyOf(kit, 'Not_A_Name')), 422, 'Invalid');
      const elsewhere = withMetadata(bodyOf(kit, name), { namespace: 'hawser-conformance-elsewhere' });
      expectRefused('a namespace other than that of the path', await create(elsewhere), 400, 'BadRequest');
      expectRefused('another kind', await create({ ...bodyOf(kit, name), kind: 'Teapot' }), 400, 'BadRequest');
      expectRefused('with a version', await create(withMetadata(bodyOf(kit, name), { resourceVersion: '1' })), [400, 422, 500]);
      expectRefused('no JSON', await create('{"kind":'), 400, 'BadRequest');
      expectRefused('a list', await create('[]'), 400, 'BadRequest');
    },
  },
  {
    name: 'create.generateName',
    what: 'generateName makes a name of the prefix and something after it, another each time',
    async run(kit) {
      const prefix = `${kit.name('made')}-`;
      const names: string[] = [];
      for (let i = 0; i < 2; i++) {
        const body = withMetadata(bodyOf(kit, undefined), { generateName: prefix });
        const { metadata } = objectOf('create', await kit.client.call('POST', kit.collection(), { body }));
        const name = metadata.name ?? '';
        kit.options.trash.note(kit.subject.kind, kit.subject.namespace, name);
        expect(name.startsWith(prefix) && name.length > prefix.length, `${name} does not begin with ${prefix}`);
        names.push(name);
      }
      expect(names[0] !== names[1], `the same name was made twice: ${names[0]}`);
      for (const name of names) await kit.remove(name);
    },
  },
  {
    name: 'update.versions',
    what: 'an update at the version that is there is stored under a new one; at an older one it is 409 Conflict; a no-op keeps it',
    async run(kit) {
      kit.requireUpdates();
      const name = kit.name('update');
      const first = await kit.create(name);
      const second = objectOf('update', await kit.put(name, kit.subject.withValue(first, '2')));
      expect(versionOf(second) !== versionOf(first), 'a change kept the version');
      expectEqual('uid', second.metadata.uid, first.metadata.uid);
      expectEqual('value', kit.subject.valueOf(second), '2');
      const stale = await kit.put(name, kit.subject.withValue(first, '3'));
      expectRefused('update at an older version', stale, 409, 'Conflict');
      expectEqual('value after the conflict', kit.subject.valueOf(await kit.get(name)), '2');
      const same = objectOf('no-op', await kit.put(name, second));
      expectEqual('version of a no-op', versionOf(same), versionOf(second));
      await kit.remove(name);
    },
  },
  {
    name: 'update.unconditional',
    what: 'an update without a version is stored whatever is there (or refused by a kind that wants one)',
    async run(kit) {
      kit.requireUpdates();
      const name = kit.name('unconditional');
      const first = await kit.create(name);
      await kit.change(name, '2');
      const answer = await kit.put(name, withMetadata(kit.subject.withValue(first, '3'), { resourceVersion: undefined }));
      if (answer.status === 422) throw new NotApplicable(`${kit.subject.title} want a version: ${answer.failure.message}`);
      expectEqual('value', kit.subject.valueOf(objectOf('update', answer)), '3');
      await kit.remove(name);
    },
  },
  {
    name: 'update.refusals',
    what: 'an update of what is not there is 404, with another uid 409, with another name 400, with a version that is none refused',
    async run(kit) {
      kit.requireUpdates();
      const name = kit.name('refused');
      const object = await kit.create(name);
      const other = withMetadata(object, { uid: OTHER_UID, resourceVersion: undefined });
      // Pods say that the uid cannot be changed (422), other kinds that it is another object (409).
      expectRefused('another uid', await kit.put(name, other), [409, 422]);
      expectRefused('another name', await kit.put(name, withMetadata(object, { name: 'another' })), 400, 'BadRequest');
      expectRefused(
        'a version that is none',
        await kit.put(name, withMetadata(object, { resourceVersion: 'abc' })),
        [400, 422, 500],
      );
      expectEqual('the object after that', await kit.get(name), object);
      await kit.remove(name);
      const gone = await kit.put(name, withMetadata(object, { resourceVersion: undefined, uid: undefined }));
      expectRefused('update of what is not there', gone, 404, 'NotFound');
    },
  },
  {
    name: 'write.dryRun',
    what: 'dryRun=All answers as the write would, and changes nothing; another value is refused',
    async run(kit) {
      const name = kit.name('dry');
      const query = { dryRun: 'All' };
      const dry = await kit.client.call('POST', kit.collection(), { body: bodyOf(kit, name), query });
      expectStatus('dry create', dry, 201);
      expectRefused('get after it', await kit.client.call('GET', kit.path(name)), 404, 'NotFound');
      const object = await kit.create(name);
      if (kit.subject.updates) {
        const updated = objectOf('dry update', await kit.put(name, kit.subject.withValue(object, 'dry'), kit.subject, query));
        expectEqual('value in its answer', kit.subject.valueOf(updated), 'dry');
      }
      const removed = await kit.client.call('DELETE', kit.path(name), { query: { ...query, gracePeriodSeconds: 0 } });
      expectStatus('dry delete', removed, 200);
      expectEqual('the object after that', await kit.get(name), object);
      const wrong = await kit.client.call('POST', kit.collection(), {
        body: bodyOf(kit, kit.name('dry')),
        query: { dryRun: 'Some' },
      });
      expectRefused('dryRun=Some', wrong, 422, 'Invalid');
      await kit.remove(name);
    },
  },
  {
    name: 'write.bodies',
    what: 'YAML is a body too; other content types are 415; a body beyond 3 MiB is 413',
    async run(kit) {
      const name = kit.name('yaml');
      kit.options.trash.note(kit.subject.kind, kit.subject.namespace, name);
      // JSON is YAML.
      const body = JSON.stringify(bodyOf(kit, name), undefined, 2);
      const yaml = await kit.client.call('POST', kit.collection(), { body, contentType: 'application/yaml' });
      expectStatus('YAML', yaml, 201);
      await kit.remove(name);
      const text = await kit.client.call('POST', kit.collection(), { body, contentType: 'text/plain' });
      expectStatus('text/plain', text, 415);
      const large = withMetadata(bodyOf(kit, name), { annotations: { large: 'x'.repeat(TOO_LARGE) } });
      const refused = await kit.client.call('POST', kit.collection(), { body: large });
      expectStatus('a body of more than 3 MiB', refused, 413);
    },
  },
];

export function bodyOf(kit: Kit, name: string | undefined): KubeObject {
  const body = kit.subject.body(name ?? '', { conformance: 'yes' }, '1');
  return name === undefined ? withMetadata(body, { name: undefined }) : body;
}

export function withMetadata(object: KubeObject, metadata: Readonly<Record<string, unknown>>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

import { expect, expectEqual, expectRefused, expectStatus, NotApplicable, objectOf } from '../expect.ts';
import type { Answer } from '../http/client.ts';
import type { KubeObject } from '../http/objects.ts';
import { type Check, JSON_PATCH, type Kit, MERGE, STRATEGIC } from '../kit.ts';
import { versionOf } from './watches.ts';

const OTHER_UID = '00000000-0000-4000-8000-000000000000';
const NOTE = 'conformance-note';

export const PATCH_CHECKS: readonly Check[] = [
  {
    name: 'patch.merge',
    what: 'a merge patch sets what it names, removes what it says null of, and leaves the rest (RFC 7396)',
    async run(kit) {
      const { name, outer, inner } = await patched(kit, 'merge');
      const set = objectOf(
        'patch',
        await kit.patch(name, { [outer]: { [inner]: 'm' }, metadata: { annotations: { [NOTE]: '1' } } }),
      );
      expectEqual('value', kit.subject.valueOf(set), 'm');
      expectEqual('annotation', set.metadata.annotations?.[NOTE], '1');
      const removed = objectOf('patch', await kit.patch(name, { metadata: { annotations: { [NOTE]: null } } }));
      expectEqual('annotation after null', removed.metadata.annotations?.[NOTE], undefined);
      expectEqual('value after it', kit.subject.valueOf(removed), 'm');
      await kit.remove(name);
    },
  },
  {
    name: 'patch.json',
    what: 'a JSON patch does its operations in order; one whose test fails or whose path is missing changes nothing: 422 (RFC 6902)',
    async run(kit) {
      const { name, outer, inner } = await patched(kit, 'json');
      await kit.change(name, 'before');
      const path = `/${outer}/${inner}`;
      const json = (body: unknown) => kit.patch(name, body, JSON_PATCH);
      const done = await json([
        { op: 'test', path, value: 'before' },
        { op: 'replace', path, value: 'x' },
        { op: 'add', path, value: 'after' },
      ]);
      expectEqual('value', kit.subject.valueOf(objectOf('patch', done)), 'after');
      const failing = await json([
        { op: 'replace', path, value: 'never' },
        { op: 'test', path, value: 'before' },
      ]);
      expectRefused('a test that fails', failing, 422, 'Invalid');
      expectRefused(
        'a path that is missing',
        await json([{ op: 'remove', path: '/metadata/annotations/none-such' }]),
        422,
        'Invalid',
      );
      expectRefused('an operation that is none', await json([{ op: 'frobnicate', path }]), [400, 422]);
      expectRefused('no list of operations', await json({ op: 'replace' }), 400, 'BadRequest');
      expectEqual('value after that', kit.subject.valueOf(await kit.get(name)), 'after');
      await kit.remove(name);
    },
  },
  {
    name: 'patch.strategic',
    what: 'a strategic merge patch merges lists of plain values that merge, deletes from them, and replaces maps where told',
    async run(kit) {
      const { subject } = kit;
      const { name, outer, inner } = await patched(kit, 'strategic');
      const strategic = (body: unknown) => kit.patch(name, body, STRATEGIC);
      const set = objectOf('patch', await strategic({ [outer]: { [inner]: 's' } }));
      expectEqual('value', subject.valueOf(set), 's');
      if (subject.through !== '') return kit.remove(name);
      const finalizers = async (body: unknown) =>
        objectOf('patch of finalizers', await strategic({ metadata: body })).metadata.finalizers ?? [];
      expectEqual('one finalizer', await finalizers({ finalizers: ['example.com/a'] }), ['example.com/a']);
      const both = await finalizers({ finalizers: ['example.com/b'] });
      expectEqual('two, merged', both.toSorted(), ['example.com/a', 'example.com/b']);
      const left = await finalizers({ '$deleteFromPrimitiveList/finalizers': ['example.com/a'] });
      expectEqual('one after a delete', left, ['example.com/b']);
      expectEqual('none after null', await finalizers({ finalizers: null }), []);
      const replaced = objectOf('patch', await strategic({ data: { $patch: 'replace', only: 'this' } }));
      if (subject.kind.resource === 'configmaps') expectEqual('data after $patch: replace', replaced.data, { only: 'this' });
      await kit.remove(name);
    },
  },
  {
    name: 'patch.preconditions',
    what: 'a patch that names a version is a condition (409 Conflict); another uid is refused; one that changes nothing keeps the version',
    async run(kit) {
      const { name, outer, inner, object } = await patched(kit, 'conditions');
      const at = (resourceVersion: string, value: string) =>
        kit.patch(name, { metadata: { resourceVersion }, [outer]: { [inner]: value } });
      const second = objectOf('patch at the right version', await at(versionOf(object), '2'));
      expectRefused('patch at an older version', await at(versionOf(object), '3'), 409, 'Conflict');
      expectRefused('patch with another uid', await kit.patch(name, { metadata: { uid: OTHER_UID } }), [409, 422]);
      for (const [type, body] of noOps(outer, inner)) {
        const same = objectOf(`no-op ${type}`, await kit.patch(name, body, type));
        expectEqual(`version after a no-op ${type}`, versionOf(same), versionOf(second));
      }
      await kit.remove(name);
    },
  },
  {
    name: 'patch.refusals',
    what: 'a patch of what is not there is 404; of another name 400 or 422; no patch 400; of no patch type 415',
    async run(kit) {
      const { name } = await patched(kit, 'refused');
      const refused = async (what: string, answer: Promise<Answer>, ...codes: number[]) =>
        expectStatus(what, await answer, ...codes);
      await refused('no JSON', kit.patch(name, '{"a":', MERGE), 400);
      await refused('another name', kit.patch(name, { metadata: { name: 'another' } }), 400, 422);
      await refused('application/json', kit.patch(name, {}, 'application/json'), 415);
      await kit.remove(name);
      for (const type of [MERGE, STRATEGIC]) {
        expectRefused(`${type} of what is not there`, await kit.patch(name, {}, type), 404, 'NotFound');
      }
    },
  },
  {
    name: 'patch.concurrent',
    what: 'patches of many clients at the same time are all there in the end',
    async run(kit) {
      kit.requirePatches();
      const name = kit.name('many');
      await kit.create(name);
      const count = 20;
      const annotate = (i: number) => kit.patch(name, { metadata: { annotations: { [`conformance-${i}`]: 'yes' } } });
      const answers = await Promise.all(Array.from({ length: count }, (_, i) => annotate(i)));
      for (const answer of answers) expectStatus('patch', answer, 200);
      const versions = new Set(answers.map(({ object }) => object?.metadata.resourceVersion));
      const there = Object.keys((await kit.get(name)).metadata.annotations ?? {}).filter((key) => key.startsWith('conformance-'));
      if (there.length === 0) throw new NotApplicable(`${kit.subject.title} may not be given annotations here`);
      expectEqual('annotations', there.length, count);
      expectEqual('different versions', versions.size, count);
      await kit.remove(name);
    },
  },
  {
    name: 'apply.serverSide',
    what: 'server-side apply makes and changes an object, or is refused in a way that a client can tell from a fault',
    async run(kit) {
      const name = kit.name('apply');
      kit.options.trash.note(kit.subject.kind, kit.subject.namespace, name);
      const body = JSON.stringify(kit.subject.body(name, {}, '1'));
      const query = { fieldManager: 'hawser-conformance' };
      const apply = () => kit.client.call('PATCH', kit.path(name), { body, query, contentType: 'application/apply-patch+yaml' });
      const answer = await apply();
      if (answer.status >= 300) {
        expectStatus('apply', answer, 415, 403);
        const message = answer.failure.message ?? '';
        expect(message !== '', `the refusal has no message: ${answer.text}`);
        throw new NotApplicable(`server-side apply is not offered: ${answer.status} ${message}`);
      }
      expectStatus('apply', answer, 201);
      const again = await apply();
      expectStatus('the same again', again, 200);
      expectEqual('version of the same again', again.object?.metadata.resourceVersion, answer.object?.metadata.resourceVersion);
      await kit.remove(name);
    },
  },
];

async function patched(kit: Kit, what: string) {
  kit.requirePatches();
  const name = kit.name(what);
  const object: KubeObject = await kit.create(name);
  const [outer, inner] = kit.subject.valuePath;
  return { name, object, outer, inner };
}

function noOps(outer: string, inner: string): readonly (readonly [string, unknown])[] {
  return [
    [MERGE, {}],
    [MERGE, { [outer]: { [inner]: '2' } }],
    [STRATEGIC, { [outer]: { [inner]: '2' } }],
    [JSON_PATCH, [{ op: 'test', path: `/${outer}/${inner}`, value: '2' }]],
    [JSON_PATCH, []],
  ];
}

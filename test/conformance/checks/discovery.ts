import { expect, expectEqual, expectRefused, expectStatus, NotApplicable, objectOf } from '../expect.ts';
import { groupVersionOf, isObject, pathOf } from '../http/objects.ts';
import type { Check, Kit } from '../kit.ts';
import { readableOf } from './watches.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export const DISCOVERY_CHECKS: readonly Check[] = [
  {
    name: 'discovery.version',
    what: '/version says major, minor and gitVersion, and /livez and /readyz are ok',
    async run(kit) {
      const { object } = await kit.client.call('GET', '/version');
      expect(object !== undefined, '/version is no JSON object');
      const version = String(object.gitVersion);
      expect(/^v\d+\.\d+\.\d+/.test(version), `gitVersion is ${version}`);
      expectEqual(
        'major and minor',
        [object.major, String(object.minor).replace(/\D+$/, '')],
        version.slice(1).split('.').slice(0, 2),
      );
      for (const path of ['/livez', '/readyz']) {
        const answer = await kit.client.call('GET', path, { accept: '*/*' });
        expectEqual(path, [answer.status, answer.text], [200, 'ok']);
      }
      return version;
    },
  },
  {
    name: 'discovery.resources',
    what: 'each version of each group has a document of its resources, with kind, verbs and scope; kinds that answer are in it',
    async run(kit) {
      const versions = await servedVersions(kit);
      let count = 0;
      for (const groupVersion of versions) {
        const list = await resourcesOf(kit, groupVersion);
        for (const { name, kind, verbs, namespaced } of list) {
          const whole =
            typeof name === 'string' && typeof kind === 'string' && Array.isArray(verbs) && typeof namespaced === 'boolean';
          expect(whole, `${groupVersion} describes a resource by ${JSON.stringify({ name, kind, verbs, namespaced })}`);
        }
        const names = list.map(({ name }) => name);
        expectEqual(`resources of ${groupVersion} that come twice`, names.length - new Set(names).size, 0);
        count += names.length;
      }
      for (const kind of [kit.options.readable, ...kit.options.subjects.map((subject) => subject.kind)]) {
        const found = (await resourcesOf(kit, groupVersionOf(kind))).find(({ name }) => name === kind.resource);
        expectEqual(`kind of ${kind.resource}`, found?.kind, kind.kind);
      }
      return `${versions.length} versions of groups with ${count} resources and subresources`;
    },
  },
  {
    name: 'discovery.answers',
    what: 'every resource of discovery that can be listed is listed, or forbidden: none is unknown',
    async run(kit) {
      const unknown: string[] = [];
      for (const groupVersion of await servedVersions(kit)) {
        for (const { name, verbs, kind, namespaced } of await resourcesOf(kit, groupVersion)) {
          if (String(name).includes('/') || !Array.isArray(verbs) || !verbs.includes('list')) continue;
          const [group = '', version = ''] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
          const resource = { group, version, resource: String(name), kind: String(kind), namespaced: namespaced === true };
          const { status } = await kit.client.call('GET', pathOf(resource, ''), { query: { limit: 1 } });
          if (status !== 200 && status !== 403) unknown.push(`${groupVersion} ${name}: ${status}`);
        }
      }
      expectEqual('resources that cannot be listed', unknown, []);
    },
  },
  {
    name: 'discovery.aggregated',
    what: 'discovery in one document for each of /api and /apis lists the same versions, and has an ETag that it knows again',
    async run(kit) {
      const found: string[] = [];
      for (const path of ['/api', '/apis']) {
        const answer = await kit.client.call('GET', path, { accept: `${AGGREGATED},application/json` });
        const list = objectOf(path, answer);
        if (list.kind !== 'APIGroupDiscoveryList') throw new NotApplicable('discovery is not served in one document');
        for (const group of Array.isArray(list.items) ? list.items : []) {
          const name = String(group.metadata?.name ?? '');
          for (const { version } of group.versions ?? []) found.push(name === '' ? version : `${name}/${version}`);
        }
        const { etag } = answer.headers;
        expect(typeof etag === 'string', `${path} has no ETag`);
        const again = await kit.client.call('GET', path, { accept: AGGREGATED, headers: { 'if-none-match': String(etag) } });
        expectStatus(`${path} with its ETag`, again, 304);
      }
      expectEqual('versions of groups', found.toSorted(), (await servedVersions(kit)).toSorted());
    },
  },
  {
    name: 'discovery.openapi',
    what: '/openapi/v3 is an index of the versions of groups',
    async run(kit) {
      const answer = await kit.client.call('GET', '/openapi/v3');
      if (answer.status === 404) throw new NotApplicable('there is no /openapi/v3');
      const { paths } = objectOf('/openapi/v3', answer);
      expect(isObject(paths), 'the index has no paths');
      const lacking = (await servedVersions(kit)).filter((version) => !isIndexed(paths, version));
      expectEqual('versions that are not in the index', lacking, []);
    },
  },
  {
    name: 'discovery.unknown',
    what: 'unknown groups, versions and resources are 404, and methods that a resource does not have 405',
    async run(kit) {
      for (const path of ['/apis/no-such.example.com/v1', '/api/v9', '/api/v1/teapots', '/nowhere']) {
        // Who may not read everything is refused before it is looked for.
        expectStatus(path, await kit.client.call('GET', path), 404, 403);
      }
      const unknown = await kit.client.call('GET', '/api/v1/teapots');
      if (unknown.status !== 403) expectRefused('an unknown resource', unknown, 404, 'NotFound');
      const answer = await kit.client.call('PUT', readableOf(kit), { body: {} });
      expectStatus('PUT of a collection', answer, 405, 403);
    },
  },
  {
    name: 'access.unknownToken',
    what: 'a token that nobody has is 401, and no token 401 or 403',
    async run(kit) {
      const wrong = await kit.client.call('GET', readableOf(kit), { token: 'hawser-conformance-unknown', query: { limit: 1 } });
      if (kit.client.access.cert !== undefined && wrong.status === 200) throw new NotApplicable('the client certificate decides');
      expectRefused('an unknown token', wrong, 401, 'Unauthorized');
      const none = await kit.client.call('GET', readableOf(kit), { token: '', query: { limit: 1 } });
      if (kit.client.access.cert === undefined) expectRefused('no token', none, [401, 403]);
    },
  },
];

async function servedVersions(kit: Kit): Promise<string[]> {
  const core = objectOf('/api', await kit.client.call('GET', '/api')).versions;
  const groups = objectOf('/apis', await kit.client.call('GET', '/apis')).groups;
  expect(Array.isArray(core) && Array.isArray(groups), '/api has no versions, or /apis no groups');
  const others = groups.flatMap((group: unknown) => (isObject(group) && Array.isArray(group.versions) ? group.versions : []));
  return [...core.map(String), ...others.map((version: unknown) => (isObject(version) ? String(version.groupVersion) : ''))];
}

async function resourcesOf(kit: Kit, groupVersion: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
  const list = objectOf(path, await kit.client.call('GET', path));
  expectEqual(`kind of ${path}`, [list.kind, list.groupVersion], ['APIResourceList', groupVersion]);
  return Array.isArray(list.resources) ? list.resources : [];
}

function isIndexed(paths: Readonly<Record<string, unknown>>, version: string): boolean {
  return (version.includes('/') ? `apis/${version}` : `api/${version}`) in paths;
}

import { expect, expectEqual, expectRefused, expectStatus, listOf, NotApplicable, objectOf } from '../expect.ts';
import { isObject, type KubeObject, keyOf } from '../http/objects.ts';
import type { Check } from '../kit.ts';
import { NOBODY, readableOf, typeOf, versionOf, watchFromNow } from './watches.ts';
import { withMetadata } from './writes.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const PARTIAL_LIST = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
/** The first bytes of Kubernetes' Protocol Buffers (apimachinery, runtime/serializer/protobuf). */
const PROTOBUF_MAGIC = Buffer.from('k8s\0');

/** Of 13 KB each: together more than the 128 KiB below which API servers do not compress. */
const LARGE_OBJECTS = 12;

interface Row {
  readonly cells: readonly unknown[];
  readonly object: KubeObject;
}

export const REPRESENTATION_CHECKS: readonly Check[] = [
  {
    name: 'table.list',
    what: 'a list as a Table has columns, a row for each object with as many cells, and the metadata of each in its row',
    async run(kit) {
      const { labels, selector } = kit.group('table');
      const names = [kit.name('table'), kit.name('table')];
      for (const name of names) await kit.create(name, { labels });
      const answer = await kit.client.call('GET', kit.collection(), { accept: TABLE, query: { labelSelector: selector } });
      const table = objectOf('table', answer);
      expectEqual('kind', [table.kind, table.apiVersion], ['Table', 'meta.k8s.io/v1']);
      const columns = columnNames(table);
      expectEqual('first column', columns[0], 'Name');
      const rows = rowsOf(table);
      expectEqual('first cells', rows.map(({ cells }) => cells[0]).toSorted(), names.toSorted());
      for (const { cells, object } of rows) {
        expectEqual('cells of a row', cells.length, columns.length);
        expectEqual('object of a row', object.kind, 'PartialObjectMetadata');
        expect(object.metadata.uid !== undefined, 'the object of a row has no uid');
      }
      for (const name of names) await kit.remove(name);
    },
  },
  {
    name: 'table.one',
    what: 'one object as a Table is one row; includeObject says what stands in it; errors stay a Status; no rows are []',
    async run(kit) {
      const name = kit.name('row');
      await kit.create(name);
      const rowWith = async (includeObject?: string) => {
        const answer = await kit.client.call('GET', kit.path(name), { accept: TABLE, query: { includeObject } });
        const rows = rowsOf(objectOf('table', answer));
        expectEqual('rows', rows.length, 1);
        return rows[0]?.object;
      };
      expectEqual('object by default', (await rowWith())?.kind, 'PartialObjectMetadata');
      expectEqual('object with includeObject=Object', (await rowWith('Object'))?.kind, kit.subject.kind.kind);
      const none = await rowWith('None');
      expect(none === undefined || none === null, `object with includeObject=None: ${JSON.stringify(none)}`);
      await kit.remove(name);
      expectRefused(
        'table of what is not there',
        await kit.client.call('GET', kit.path(name), { accept: TABLE }),
        404,
        'NotFound',
      );
      const empty = await kit.client.call('GET', readableOf(kit), { accept: TABLE, query: { fieldSelector: NOBODY } });
      expectEqual('rows of nothing', objectOf('empty table', empty).rows, []);
    },
  },
  {
    name: 'table.watch',
    what: 'a watch as Tables describes the columns in its first event',
    async run(kit) {
      const { labels, selector } = kit.group('tables');
      const name = kit.name('tables');
      const watch = await watchFromNow(kit, selector, TABLE);
      await kit.create(name, { labels });
      await kit.change(name, '2');
      const events = await watch.take(2);
      watch.cut();
      expectEqual('events', events.map(typeOf), ['ADDED', 'MODIFIED']);
      expectEqual(
        'kinds',
        events.map(({ object }) => object.kind),
        ['Table', 'Table'],
      );
      expectEqual('first column', columnNames(events[0]?.object ?? { metadata: {} })[0], 'Name');
      expectEqual('first cell of the second event', rowsOf(events[1]?.object ?? { metadata: {} })[0]?.cells[0], name);
      await kit.remove(name);
    },
  },
  {
    name: 'partial.reads',
    what: 'PartialObjectMetadata of an object and of a list is the metadata and nothing else',
    async run(kit) {
      const { labels, selector } = kit.group('partial');
      const name = kit.name('partial');
      const created = await kit.create(name, { labels });
      const one = objectOf('one', await kit.client.call('GET', kit.path(name), { accept: PARTIAL }));
      expectEqual('kind', [one.kind, one.apiVersion], ['PartialObjectMetadata', 'meta.k8s.io/v1']);
      expectEqual('fields', Object.keys(one).toSorted(), ['apiVersion', 'kind', 'metadata']);
      expectEqual('uid', one.metadata.uid, created.metadata.uid);
      const query = { labelSelector: selector };
      const list = listOf('list', await kit.client.call('GET', kit.collection(), { accept: PARTIAL_LIST, query }));
      expectEqual('kind of the list', list.kind, 'PartialObjectMetadataList');
      expectEqual('objects of the list', list.items.map(keyOf), [keyOf(created)]);
      expectEqual('fields of an item beyond metadata', unknownFields(list.items[0]), []);
      await kit.remove(name);
    },
  },
  {
    name: 'partial.watch',
    what: 'a watch of PartialObjectMetadata has the metadata and nothing else in its events',
    async run(kit) {
      const { labels, selector } = kit.group('partials');
      const name = kit.name('partials');
      const watch = await watchFromNow(kit, selector, PARTIAL);
      const created = await kit.create(name, { labels });
      const [event] = await watch.take(1);
      watch.cut();
      expectEqual('event', [event?.type, event?.object.kind], ['ADDED', 'PartialObjectMetadata']);
      expectEqual('version', event && versionOf(event.object), versionOf(created));
      expectEqual('fields beyond metadata', unknownFields(event?.object), []);
      await kit.remove(name);
    },
  },
  {
    name: 'accept.preference',
    what: 'the first form of Accept that the server has is the one that comes: protobuf or JSON of one list, YAML where asked',
    async run(kit) {
      const path = readableOf(kit);
      const query = { limit: 1 };
      const accept = 'application/vnd.kubernetes.protobuf,application/json';
      const either = await kit.client.call('GET', path, { accept, query });
      expectStatus('list as protobuf or JSON', either, 200);
      const isProtobuf = either.bytes.subarray(0, 4).equals(PROTOBUF_MAGIC);
      const type = String(either.headers['content-type']);
      if (isProtobuf) expect(type.startsWith('application/vnd.kubernetes.protobuf'), `protobuf is called ${type}`);
      else listOf('list as JSON, which is the second choice', either);
      const json = await kit.client.call('GET', path, { accept: 'application/json,application/vnd.kubernetes.protobuf', query });
      listOf('list as JSON, which is the first choice', json);
      const yaml = await kit.client.call('GET', path, { accept: 'application/yaml', query });
      expectStatus('list as YAML', yaml, 200);
      expect(/^kind: \w+List$/m.test(yaml.text), `what is called YAML begins with ${yaml.text.slice(0, 80)}`);
      return isProtobuf ? 'protobuf is served' : 'protobuf is not served: JSON came in its place';
    },
  },
  {
    name: 'accept.refusals',
    what: 'forms that the server does not have are 406, and the Status says so in JSON',
    async run(kit) {
      for (const accept of ['text/html', 'image/png', 'application/json;as=Teapot;v=v1;g=meta.k8s.io']) {
        const answer = await kit.client.call('GET', readableOf(kit), { accept, query: { limit: 1 } });
        expectRefused(`Accept: ${accept}`, answer, 406, 'NotAcceptable');
      }
      expectStatus('Accept: */*', await kit.client.call('GET', readableOf(kit), { accept: '*/*', query: { limit: 1 } }), 200);
    },
  },
  {
    name: 'accept.gzip',
    what: 'an answer that is compressed because it was asked for is the same list',
    async run(kit) {
      const { labels, selector } = kit.group('gzip');
      const names = Array.from({ length: LARGE_OBJECTS }, () => kit.name('gzip'));
      for (const name of names) {
        const body = kit.subject.body(name, labels, '1');
        const annotations = { ...body.metadata.annotations, large: 'compressible '.repeat(1_000) };
        kit.options.trash.note(kit.subject.kind, kit.subject.namespace, name);
        expectStatus(
          'create',
          await kit.client.call('POST', kit.collection(), { body: withMetadata(body, { annotations }) }),
          201,
        );
      }
      const query = { labelSelector: selector };
      const plain = await kit.client.call('GET', kit.collection(), { query });
      const answer = await kit.client.call('GET', kit.collection(), { query, headers: { 'accept-encoding': 'gzip' } });
      for (const name of names) await kit.remove(name);
      expectStatus('list', answer, 200);
      expectEqual('content-encoding without asking', plain.headers['content-encoding'], undefined);
      const encoding = answer.headers['content-encoding'];
      if (encoding === undefined) throw new NotApplicable(`a list of ${answer.bytes.length} bytes was not compressed`);
      expectEqual('content-encoding', encoding, 'gzip');
      expectEqual('what was compressed', answer.object, plain.object);
      return `${plain.bytes.length} bytes are ${answer.bytes.length}`;
    },
  },
];

function columnNames(table: KubeObject): string[] {
  const columns = Array.isArray(table.columnDefinitions) ? table.columnDefinitions : [];
  return columns.map((column: unknown) => (isObject(column) ? String(column.name) : ''));
}

function rowsOf(table: KubeObject): Row[] {
  return Array.isArray(table.rows) ? table.rows : [];
}

function unknownFields(object: KubeObject = { metadata: {} }): string[] {
  return Object.keys(object).filter((field) => !['apiVersion', 'kind', 'metadata'].includes(field));
}

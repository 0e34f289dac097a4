import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../status.ts';
import { errorEncoding, negotiate } from './negotiate.ts';

describe('content negotiation', () => {
  it('serves JSON to whoever has no wish, and YAML on request', () => {
    assert.deepEqual(negotiate(undefined, false), { encoding: 'json', presentation: 'plain' });
    assert.deepEqual(negotiate('*/*', false), { encoding: 'json', presentation: 'plain' });
    assert.deepEqual(negotiate('application/yaml', false), { encoding: 'yaml', presentation: 'plain' });
    assert.deepEqual(negotiate('application/json;q=0.5, application/yaml', false).encoding, 'yaml');
  });

  it('serves Protocol Buffers to who asks for them first, and knows what else would do', () => {
    const protobuf = 'application/vnd.kubernetes.protobuf';
    assert.deepEqual(negotiate(protobuf, false), { encoding: 'protobuf', presentation: 'plain' });
    assert.deepEqual(negotiate(`${protobuf},application/json`, false), {
      ...{ encoding: 'protobuf', presentation: 'plain', instead: 'json' },
    });
    assert.equal(negotiate(`application/json,${protobuf}`, false).encoding, 'json');
    assert.equal(negotiate(`${protobuf};q=0.5,application/yaml`, false).encoding, 'yaml');
    assert.deepEqual(negotiate(`${protobuf};stream=watch,application/yaml,application/json`, true).instead, 'json');
    assert.equal(errorEncoding(`text/html,${protobuf},application/json`), 'protobuf');
  });

  it('has metadata in Protocol Buffers, and Tables not', () => {
    const as = (kind: string) => `application/vnd.kubernetes.protobuf;as=${kind};v=v1;g=meta.k8s.io`;
    assert.equal(negotiate(as('PartialObjectMetadata'), false).encoding, 'protobuf');
    assert.equal(negotiate(`${as('Table')},application/json`, false).encoding, 'json');
    assert.throws(() => negotiate(as('Table'), false), { code: 406, message: /^only the following media types are accepted/ });
    // What else would do is in the same form only.
    assert.equal(negotiate(`${as('PartialObjectMetadata')},application/json`, false).instead, undefined);
  });

  it('takes the first form that is served', () => {
    const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    assert.equal(negotiate(`${table},application/json`, false).presentation, 'Table');
    assert.equal(negotiate('application/json;as=Table;v=v9;g=meta.k8s.io,application/json', false).presentation, 'plain');
    assert.throws(() => negotiate('application/json;as=Table;v=v9;g=meta.k8s.io', false), {
      message:
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
  });

  it('has no watches in YAML', () => {
    assert.equal(negotiate('application/json;stream=watch', true).encoding, 'json');
    assert.throws(() => negotiate('application/yaml', true), { code: 406 });
    assert.throws(() => negotiate('text/html', false), /Available representations/);
    assert.equal(errorEncoding('application/yaml'), 'yaml');
  });

  it('is never refused in another way, whatever the header', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.boolean(), (header, watch) => {
        try {
          negotiate(header, watch);
        } catch (error) {
          assert.ok(error instanceof ApiError && error.code === 406, String(error));
        }
      }),
    );
  });
});

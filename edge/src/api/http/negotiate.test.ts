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

  it('falls back to JSON for clients that prefer protobuf', () => {
    assert.equal(negotiate('application/vnd.kubernetes.protobuf,application/json', false).encoding, 'json');
    assert.throws(() => negotiate('application/vnd.kubernetes.protobuf', false), { code: 406 });
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

  it('has watches in JSON only', () => {
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

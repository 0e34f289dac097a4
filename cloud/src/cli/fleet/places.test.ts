import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeAt, placesIn } from './places.ts';

const slice = (addressType: string, address: string, name?: string) => ({
  addressType,
  ports: [{ name: 'admin', port: 8444 }],
  endpoints: [{ addresses: [address], ...(name === undefined ? {} : { targetRef: { name } }) }],
});

test('each pod is one place, also where it has addresses of both kinds; what is no slice is passed over', () => {
  const places = placesIn([
    slice('IPv6', 'fd00::1', 'b'),
    slice('IPv4', '10.0.0.1', 'a'),
    slice('IPv4', '10.0.0.2', 'b'),
    slice('FQDN', 'example.test', 'c'),
    slice('IPv4', '10.0.0.9'),
    { addressType: 'IPv4', ports: [{ name: 'ops', port: 1 }], endpoints: [{ addresses: ['10.0.0.3'] }] },
    { addressType: 'IPv4', ports: 'none', endpoints: 7 },
    null,
    'text',
  ]);
  assert.deepEqual(places, [
    { replica: '10.0.0.9:8444', host: '10.0.0.9', port: 8444 },
    { replica: 'a', host: '10.0.0.1', port: 8444 },
    { replica: 'b', host: 'fd00::1', port: 8444 },
  ]);
});

test('a replica is named by its https address alone', () => {
  assert.deepEqual(placeAt('https://[::1]:8444'), { replica: '[::1]:8444', host: '::1', port: 8444 });
  for (const wrong of ['http://a:1', 'a:1', 'https://a/path', 'https://user@a:1'])
    assert.throws(() => placeAt(wrong), /--replica/);
});

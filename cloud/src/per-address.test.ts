import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, PerAddress } from './per-address.ts';

test('an IPv4 address is one, however the socket writes it', () => {
  assert.equal(addressOf('192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('::FFFF:192.0.2.7'), '192.0.2.7');
});

test('all IPv6 addresses of one /64 are one, however they are shortened', () => {
  const one = addressOf('2001:db8:0:12::1');
  for (const address of [
    '2001:db8::12:ffff:ffff:ffff:ffff',
    '2001:db8:0:12:0:0:0:1',
    '2001:0db8:0000:0012::',
    '2001:db8:0:12::1%eth0',
  ]) {
    assert.equal(addressOf(address), one, address);
  }
  assert.notEqual(addressOf('2001:db8:0:13::1'), one);
  assert.equal(addressOf('::1'), addressOf('::2'));
  assert.notEqual(addressOf('fe80::1'), addressOf('::1'));
});

test('counts go up and down, and an address without any is forgotten', () => {
  const counts = new PerAddress();
  counts.add('a');
  counts.add('a');
  counts.add('b');
  assert.deepEqual([counts.of('a'), counts.of('b'), counts.of('c'), counts.most()], [2, 1, 0, 2]);
  counts.remove('a');
  counts.remove('a');
  counts.remove('b');
  assert.deepEqual([counts.of('a'), counts.most()], [0, 0]);
});

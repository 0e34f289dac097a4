import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort } from './free-port.ts';
import { runCommand } from './processes.ts';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const skip = existsSync(RANGE) ? false : 'only Linux says which ports are its own';

test('free ports differ, are none that the kernel gives out, and can be listened on', { skip }, async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  assert.equal(new Set(ports).size, ports.length);
  const kernels = Number.parseInt(readFileSync(RANGE, 'utf8'), 10);
  for (const port of ports) {
    assert.ok(port < kernels, `${port}`);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});

test('another process is not given a port that this one has, though nobody listens there', { skip }, async () => {
  const taken = await freePort();
  const args = [
    '-e',
    `require('node:net').createServer().on('error', ({ code }) => console.log(code)).listen('\\0hawser-test-port-${taken}')`,
  ];
  const { stdout } = await runCommand({ name: 'another', args });
  assert.equal(stdout.trim(), 'EADDRINUSE');
});

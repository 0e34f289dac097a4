import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concernsOf } from './concerns.ts';
import type { StatusReport } from './types.ts';

type Report = Omit<StatusReport, 'concerns'>;
const DAY = 24 * 3_600;
const at = (seconds: number) => new Date(Date.parse('2026-06-01T00:00:00Z') + seconds * 1000).toISOString();

/** A device with which all is well: its certificate of 30 days is renewed after 24. */
const WELL: Report = {
  ...{ running: true, answers: true, silent: null, node: 'edge-1', joinedAs: 'edge-1', version: '0.1.0', startedAt: at(0) },
  ...{ logLevel: 'info', workload: 'hollow', kubelet: null, localApi: 'https://127.0.0.1:6444', cluster: 'c', storeId: 's' },
  link: {
    ...{ state: 'open', phase: 'open', relay: 'wss://r', since: at(0), detail: null, nextDial: null },
    ...{ lastOpen: at(0), lastFailure: null },
  },
  certificate: {
    ...{ ends: at(30 * DAY), endsInSeconds: 30 * DAY, renewsAt: at(24 * DAY), renewal: `due ${at(24 * DAY)}` },
    ...{ renewed: null, authorities: [] },
  },
  clock: { verdict: 'right', said: null },
  session: { state: 'inSync', since: at(0), relayVersion: '0.1.0' },
  ...{ lastSync: at(0), lastSyncAgeSeconds: 0, objects: 1, digest: '0', served: {} },
  set: { objects: 1, digest: '0', inSync: true, since: at(0) },
  outbox: { entries: 0, bytes: 0, oldestSince: null, held: 0, droppedEvents: 0, oldest: [] },
  ...{ refusedReports: [], refusedObjects: [] },
  store: { path: '/d/agent.db', bytes: 1, logBytes: 1, freeBytes: 1e9, diskBytes: 2e9, revision: 1, seal: null },
};

const codes = (changes: Partial<Report>) => concernsOf({ ...WELL, ...changes }).map(({ code }) => code);
const down = (kind: string): Partial<Report> => ({
  link: { ...WELL.link, state: 'down', phase: 'waiting', lastFailure: { kind, detail: 'told so', time: at(0) } },
});
const certificate = (left: number, fields: Partial<Report['certificate']> = {}): Partial<Report> => ({
  certificate: { ...WELL.certificate, endsInSeconds: left, ...fields },
});

test('a device with which all is well wants nobody, nor does one that is offline', () => {
  assert.deepEqual(codes({}), []);
  for (const kind of ['dns', 'refused', 'unreachable', 'timeout', 'silent', 'ended', 'busy', 'dropped']) {
    assert.deepEqual(codes(down(kind)), [], kind);
  }
});

test('a link that fails until somebody does something does', () => {
  for (const kind of ['forbidden', 'relayCertificate', 'ownCertificate', 'ownCertificateEnded', 'proxy', 'notFound', 'cutOff']) {
    assert.deepEqual(codes(down(kind)), ['link'], kind);
  }
  // It is past where the link is open again, and where nobody dials.
  assert.deepEqual(codes({ link: { ...WELL.link, lastFailure: { kind: 'forbidden', detail: '', time: at(0) } } }), []);
  assert.deepEqual(codes({ ...down('forbidden'), running: false }), ['notRunning']);
});

test('a certificate is worth a word once its renewal should long have come, or never will', () => {
  assert.deepEqual(codes(certificate(7 * DAY)), []);
  // Due since a moment: the link makes it.
  assert.deepEqual(codes(certificate(6.5 * DAY, { renewsAt: at(24 * DAY) })), []);
  assert.deepEqual(codes(certificate(5 * DAY, { renewsAt: at(24 * DAY) })), ['certificate']);
  assert.deepEqual(codes(certificate(-1)), ['certificate']);
  assert.deepEqual(codes(certificate(20 * DAY, { renewal: 'to be asked for again: the relay says otherKey' })), ['certificate']);
  // An operator's own is renewed by nobody else; one of an hour is renewed all the time.
  assert.deepEqual(codes(certificate(6 * DAY, { renewsAt: null, renewal: null })), ['certificate']);
  assert.deepEqual(codes(certificate(8 * DAY, { renewsAt: null, renewal: null })), []);
  assert.deepEqual(codes(certificate(3_000, { ends: at(3_600), renewsAt: at(2_700), renewal: null })), []);
});

test('each other thing has its code', () => {
  const kubelet = { state: 'running', since: null, version: null, detail: null, alive: true, lastLines: [] };
  assert.deepEqual(codes({ silent: 'it hangs' }), ['silent']);
  assert.deepEqual(codes({ session: { ...WELL.session, state: 'waiting: nodeMissing' } }), ['session']);
  assert.deepEqual(codes({ session: { ...WELL.session, state: 'waiting: nodeNotLabelled' } }), ['session']);
  assert.deepEqual(codes({ session: { ...WELL.session, state: 'waiting: relaySyncing' } }), []);
  assert.deepEqual(codes({ clock: { verdict: 'behind', said: at(0) } }), ['clock']);
  assert.deepEqual(codes({ kubelet }), []);
  assert.deepEqual(codes({ kubelet: { ...kubelet, alive: false } }), ['kubelet']);
  assert.deepEqual(codes({ kubelet: { ...kubelet, state: 'waiting', alive: false } }), ['kubelet']);
  assert.deepEqual(codes({ outbox: { ...WELL.outbox, entries: 8_000 } }), []);
  assert.deepEqual(codes({ outbox: { ...WELL.outbox, entries: 8_001 } }), ['outbox']);
  assert.deepEqual(codes({ outbox: { ...WELL.outbox, bytes: 31 * 1024 * 1024 } }), ['outbox']);
  assert.deepEqual(codes({ refusedObjects: ['configmaps/a/b: too large'] }), ['refusedObjects']);
  assert.deepEqual(codes({ store: { ...WELL.store, freeBytes: 128 * 1024 * 1024 - 1 } }), ['disk']);
  assert.deepEqual(codes({ store: { ...WELL.store, freeBytes: null } }), []);
});

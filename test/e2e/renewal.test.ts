import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createIdentityFolder, type Identity } from '@hawser/edge';
import { pino } from 'pino';
import { type Fleet, type FleetAgent, startFleet } from '../support/fleet.ts';
import { type CertificateAuthority, createAuthority, type Validity } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

/** A device that has joined, one pod on it; its agent is stopped. */
async function scene(t: TestContext): Promise<{ fleet: Fleet; device: FleetAgent; authority: CertificateAuthority }> {
  const fleet = await fleetFor(t, { identities: 'joined', agents: ['truck-1'] });
  const [device] = fleet.agents;
  assert.ok(device !== undefined);
  await nodeReady(fleet.kube, 'truck-1');
  await fleet.kube.create(configMap('settings', { n: '0' }));
  await fleet.kube.create(podOn('truck-1', 'web', { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  await device.process().stop();
  return { fleet, device, authority: await relaysAuthority(fleet) };
}

test('a certificate is renewed over the link when most of its life is over, used with the next link, and the relay lets nobody in with the old key then', {
  timeout: 180_000,
}, async (t) => {
  const { fleet, device, authority } = await scene(t);
  // Nine tenths of its life are over: it is due whatever the device's choice, and has 100 s left.
  const old = await certify(device, authority, { begins: secondsFromNow(-900), lifetimeSeconds: 1_000 });
  await device.start();
  await device.process().line('the renewal', ({ msg }) => msg === 'the next certificate is here', 60_000);
  const { current, next } = identityOf(device);
  assert.equal(current.certificates[0].fingerprint256, old.fingerprint256, 'the old one stays until the next has worked');
  assert.ok(next !== undefined && !next.key.equals(current.key), 'with a key of its own');

  device.link.cut();
  await device.process().line('the promotion', ({ msg }) => msg === 'certificate renewed', 60_000);
  const renewed = identityOf(device);
  assert.equal(renewed.next, undefined);
  assert.ok(renewed.current.key.equals(next.key));
  assert.ok(renewed.current.certificates[0].validToDate.getTime() > Date.now() + 80 * 86_400_000);
  await device.process().line('the link', ({ msg }) => msg === 'link open');
  const { certificate } = (await device.status()) as { certificate: { ends: string; renewed: string } };
  assert.equal(Date.parse(certificate.ends), renewed.current.certificates[0].validToDate.getTime());
  assert.ok(Date.parse(certificate.renewed) <= Date.now());

  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
  await until('the change at the device', 30_000, undefined, async () => {
    const settings = await device.local.get('configmaps', 'default', 'settings');
    return (settings?.data as { n?: string } | undefined)?.n === '1';
  });
});

test('a device whose certificate ended while it was off is renewed late, with the key that it had, and its pod has run all the time', {
  timeout: 180_000,
}, async (t) => {
  const { fleet, device, authority } = await scene(t);
  await certify(device, authority, { begins: secondsFromNow(-86_400 * 60), lifetimeSeconds: 86_400 * 10 });
  const old = identityOf(device);
  await device.start();
  assert.equal(((await device.local.get('pods', 'default', 'web'))?.status as { phase: string }).phase, 'Running');
  await device.process().line('the late renewal', ({ msg }) => msg === 'late renewal given', 60_000);
  await device.process().line('the link', ({ msg }) => msg === 'link open', 60_000);
  await until('the promotion', 30_000, undefined, async () => identityOf(device).next === undefined);
  assert.equal(identityOf(device).current.key.equals(old.current.key), false);
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
  await until('the change at the device', 30_000, undefined, async () => {
    const settings = await device.local.get('configmaps', 'default', 'settings');
    return (settings?.data as { n?: string } | undefined)?.n === '1';
  });
});

test('a certificate that ended beyond the grace is not renewed: the device says what to do, and its pod goes on', {
  timeout: 180_000,
}, async (t) => {
  const { device, authority } = await scene(t);
  await certify(device, authority, { begins: secondsFromNow(-86_400 * 500), lifetimeSeconds: 86_400 * 90 });
  await device.start();
  const told = await device
    .process()
    .line('the refusal', ({ msg }) => msg === 'late renewal not given: pods go on, and the device has no link', 60_000);
  assert.match(String(told.why), /^beyondGrace: .*join again/);
  const { certificate } = (await device.status()) as { certificate: { renewal: string } };
  assert.match(certificate.renewal, /certificate has ended: beyondGrace/);
  assert.equal(((await device.local.get('pods', 'default', 'web'))?.status as { phase: string }).phase, 'Running');
});

test('a new authority is followed over the link: the device verifies relays by it when the old one is gone', {
  timeout: 180_000,
}, async (t) => {
  const { fleet, device } = await scene(t);
  await device.start();
  const before = identityOf(device).authorities.map(({ fingerprint256 }) => fingerprint256);
  await administer(fleet, 'ca', 'rotate');
  await device.process().line('the new list', ({ msg }) => msg === 'authorities followed', 60_000);
  const after = identityOf(device).authorities.map(({ fingerprint256 }) => fingerprint256);
  assert.equal(after.length, before.length + 1);
  assert.ok(before.every((one) => after.includes(one)));
});

function secondsFromNow(seconds: number): Date {
  return new Date(Date.now() + seconds * 1_000);
}

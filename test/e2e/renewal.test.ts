import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createIdentityFolder, type DeviceIdentity } from '@hawser/edge';
import { pino } from 'pino';
import type { Fleet, FleetAgent } from '../support/fleet.ts';
import { type CertificateAuthority, createAuthority, type Validity } from '../support/pki.ts';
import { type LogLine, runCommand } from '../support/processes.ts';
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

test('a certificate is renewed over the link when most of its life is over, used with the next link, and takes the place of the old one then', {
  timeout: 360_000,
}, async (t) => {
  const { fleet, device, authority } = await scene(t);
  // Nine tenths of its life are over: it is due whatever the device's choice, and has 100 s left.
  const old = await certify(device, authority, { begins: secondsFromNow(-900), lifetimeSeconds: 1_000 });
  await device.start();
  await device.process().line('the renewal', ({ msg }) => msg === 'the next certificate is here', 60_000);
  const { current, next } = identityOf(device);
  assert.equal(current.certificates[0].fingerprint256, old.fingerprint256, 'the old one stays until the next has worked');
  assert.ok(next !== undefined && !next.key.equals(current.key), 'with a key of its own');

  relink(device);
  await device.process().line('the promotion', ({ msg }) => msg === 'certificate renewed', 60_000);
  const renewed = identityOf(device);
  assert.equal(renewed.next, undefined);
  assert.ok(renewed.current.key.equals(next.key));
  assert.ok(renewed.current.certificates[0].validToDate.getTime() > Date.now() + 80 * 86_400_000);
  await device.process().line('the link', isOpen);
  const { certificate } = (await device.status()) as { certificate: { ends: string; renewed: string } };
  assert.equal(Date.parse(certificate.ends), renewed.current.certificates[0].validToDate.getTime());
  assert.ok(Date.parse(certificate.renewed) <= Date.now());

  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
  await until('the change at the device', 60_000, undefined, async () => {
    const settings = await device.local.get('configmaps', 'default', 'settings');
    return (settings?.data as { n?: string } | undefined)?.n === '1';
  });
});

test('a device whose certificate ended while it was off is renewed late, with the key that it had, and its pod has run all the time', {
  timeout: 360_000,
}, async (t) => {
  const { fleet, device, authority } = await scene(t);
  await certify(device, authority, { begins: secondsFromNow(-86_400 * 60), lifetimeSeconds: 86_400 * 10 });
  const old = identityOf(device);
  await device.start();
  assert.equal(await phaseAt(device), 'Running');
  await device.process().line('the late renewal', ({ msg }) => msg === 'late renewal given', 60_000);
  await device.process().line('the link', isOpen, 60_000);
  await until('the promotion', 60_000, undefined, async () => identityOf(device).next === undefined);
  assert.equal(identityOf(device).current.key.equals(old.current.key), false);
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
  await until('the change at the device', 60_000, undefined, async () => {
    const settings = await device.local.get('configmaps', 'default', 'settings');
    return (settings?.data as { n?: string } | undefined)?.n === '1';
  });
});

test('a certificate that ended beyond the grace is not renewed: the device says what to do, and its pod goes on', {
  timeout: 360_000,
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
  assert.equal(await phaseAt(device), 'Running');
});

test('a new authority is followed over the link, and the next link is with a relay that it has certified', {
  timeout: 360_000,
}, async (t) => {
  const { fleet, device } = await scene(t);
  await device.start();
  const before = identityOf(device).authorities.map(({ fingerprint256 }) => fingerprint256);
  await administer(fleet, 'ca', 'rotate');
  await device.process().line('the new list', ({ msg }) => msg === 'authorities followed', 60_000);
  const after = identityOf(device).authorities.map(({ fingerprint256 }) => fingerprint256);
  assert.equal(after.length, before.length + 1);
  assert.ok(before.every((one) => after.includes(one)));

  const links = device.process().lines.filter(isOpen).length;
  relink(device);
  // The relay serves with a certificate of the new one by now.
  await until('the next link', 60_000, undefined, async () => device.process().lines.filter(isOpen).length > links);
});

const isOpen = ({ msg }: LogLine) => msg === 'link open';

function relink({ link }: FleetAgent): void {
  link.cut();
  link.restore();
}

async function phaseAt({ local }: FleetAgent): Promise<string | undefined> {
  const web = await local.get('pods', 'default', 'web');
  return (web?.status as { phase?: string } | undefined)?.phase;
}

function secondsFromNow(seconds: number): Date {
  return new Date(Date.now() + seconds * 1_000);
}

/** The authority that the relay has made, to sign with. */
async function relaysAuthority({ kube }: Fleet): Promise<CertificateAuthority> {
  const secret = await kube.get('secrets', 'hawser-system', 'hawser-ca');
  const data = (secret?.data ?? {}) as Record<string, string>;
  const [certificatePem = '', keyPem = ''] = ['ca.crt', 'ca.key'].map((key) => Buffer.from(data[key] ?? '', 'base64').toString());
  return createAuthority(new X509Certificate(certificatePem).subject.replace('CN=', ''), { certificatePem, keyPem });
}

function identityOf({ dataDir }: FleetAgent): DeviceIdentity {
  const identity = createIdentityFolder({ dataDir, logger: pino({ level: 'silent' }) }).read();
  assert.ok(identity !== undefined);
  return identity;
}

/** Another certificate in place of the device's, for the same key: as if that one had been issued then. */
async function certify(device: FleetAgent, authority: CertificateAuthority, { begins, lifetimeSeconds }: Validity) {
  const { current } = identityOf(device);
  const spki = createPublicKey(current.key).export({ type: 'spki', format: 'der' });
  const pem = await authority.certifyNode(device.node, spki, lifetimeSeconds, begins);
  const key = current.key.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(device.dataDir, 'identity', 'device.pem'), `${key}${pem}`);
  return new X509Certificate(pem);
}

/** `hawser-relay` as an administrator runs it. */
async function administer({ kubeconfig }: Fleet, ...args: string[]): Promise<void> {
  const command = { name: `hawser-relay ${args[0]}`, args: ['cloud/src/main.ts', ...args, '--kubeconfig', kubeconfig] };
  const { code, stderr } = await runCommand(command);
  assert.equal(code, 0, stderr);
}

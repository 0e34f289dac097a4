import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type CertificateAuthority, createAuthority, issueNodeCertificate } from '../../../../../test/support/pki.ts';
import { judgeCertificate } from './certificate.ts';
import { judgeTls, type TlsFacts } from './tls.ts';

const DAY_MS = 24 * 3_600_000;

async function authorities() {
  const [ours, stranger] = await Promise.all([createAuthority('hawser-relays'), createAuthority('Corporate TLS Inspection')]);
  return { ours, stranger, root: new X509Certificate(ours.certificatePem) };
}

async function shown(authority: CertificateAuthority, begins: Date, hosts = ['relay.example'], days = 90) {
  const { certificatePem } = await authority.issueServer({ commonName: 'relay', hosts, begins, lifetimeSeconds: days * 86_400 });
  return [new X509Certificate(certificatePem), new X509Certificate(authority.certificatePem)];
}

test('what a relay shows is held against what this device trusts, and a stranger is named', async () => {
  const { ours, stranger, root } = await authorities();
  const now = new Date();
  const facts = (certificates: readonly X509Certificate[], more: Partial<TlsFacts> = {}) =>
    judgeTls({
      ...{ relay: 'wss://relay.example', host: 'relay.example', isUnreachable: false, failure: undefined, protocol: 'TLSv1.3' },
      ...{ certificates, tookMs: 30, authorities: [root], now, isPublic: () => false, ...more },
    });
  const good = await shown(ours, now);
  assert.match(facts(good).text, /^TLSv1\.3, CN=relay, of CN=hawser-relays, in 30 ms$/);
  assert.equal(facts(good).level, 'ok');
  assert.match(facts(good, { protocol: 'TLSv1.2' }).text, /speaks TLSv1\.2, and the link needs TLSv1\.3/);
  assert.match(facts(good, { host: 'other.example' }).text, /is not for other\.example: it is for DNS:relay\.example/);

  const intercepted = facts(await shown(stranger, now));
  assert.match(
    intercepted.text,
    /^somebody else answers: it shows CN=relay, issued by CN=Corporate TLS Inspection; this device trusts CN=hawser-relays$/,
  );
  assert.match(intercepted.remedy ?? '', /a box on the way that opens TLS/);
  assert.match(facts(await shown(stranger, now), { isPublic: () => true }).remedy ?? '', /must pass it through/);

  const long = new Date(now.getTime() - 100 * DAY_MS);
  assert.match(facts(await shown(ours, long)).text, /CN=relay has ended/);
  assert.match(facts(good, { now: long }).remedy ?? '', /set the clock/);
  assert.equal(facts(await shown(ours, now, ['relay.example'], 3)).level, 'note');
  const client = new X509Certificate((await issueNodeCertificate(ours, 'edge-1')).certificatePem);
  assert.match(facts([client]).text, /is not one of a server/);

  assert.equal(facts([], { isUnreachable: true }).level, 'unseen');
  assert.equal(facts([], {}).level, 'problem');
  assert.equal(facts(good, { authorities: [] }).level, 'unseen');
  for (const kind of ['ownCertificate', 'ownCertificateEnded', 'cutOff', 'timeout', 'unexpected', 'unreachable']) {
    const finding = facts(good, { failure: { kind, detail: `it is ${kind}` } });
    assert.deepEqual([finding.level, finding.text], ['problem', `it is ${kind}`]);
  }
});

test('a name of a stranger is one line of bounded length', async () => {
  const { root } = await authorities();
  const noisy = await createAuthority(`x\n\u001b[31m${'y'.repeat(500)}`);
  const now = new Date();
  const { text } = judgeTls({
    ...{ relay: 'wss://r', host: 'relay.example', isUnreachable: false, failure: undefined, protocol: 'TLSv1.3', tookMs: 1 },
    ...{ certificates: await shown(noisy, now), authorities: [root], now, isPublic: () => false },
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is there is what this is about
  assert.ok(!/[\u0000-\u001f]/.test(text) && text.length < 400, text);
});

test('the own certificate is looked at as the agent does when it starts, and its end as the renewal does', async () => {
  const { ours, stranger, root } = await authorities();
  // Certificates have whole seconds.
  const begins = new Date(Math.floor(Date.now() / 1000) * 1000);
  const { certificatePem, keyPem } = await ours.issueClient({
    ...{ commonName: 'system:node:edge-1', organizations: ['system:nodes'], begins, lifetimeSeconds: 100 * 86_400 },
  });
  const [leaf, key] = [new X509Certificate(certificatePem), createPrivateKey(keyPem)];
  const after = (days: number) => new Date(begins.getTime() + days * DAY_MS);
  const judge = (days: number, more: object = {}) =>
    judgeCertificate({
      refused: undefined,
      identity: { nodeName: 'edge-1', certificates: [leaf], key, authorities: [root], isRenewed: true, renewal: null, ...more },
      now: after(days),
      isHidden: false,
    }).map(({ level, text, remedy }) => `${level} ${text}${remedy === null ? '' : ` → ${remedy}`}`);
  assert.match(
    judge(1)[0] ?? '',
    /^ok edge-1, ends .*, in 99d, renewed from .*, of the authority that relays are verified with$/,
  );
  assert.match(judge(91)[0] ?? '', /^note edge-1, ends .*; its renewal is due$/);
  assert.match(
    judge(96, { renewal: 'to be asked for again: no link' })[0] ?? '',
    /^problem .*, in 4d.*, and was not renewed \(to be asked for again: no link\)/,
  );
  assert.match(judge(101)[0] ?? '', /^problem .*: it has ended 24h ago → a running agent asks for another/);
  assert.match(judge(-1)[0] ?? '', /^problem edge-1 begins .*, later than now → set the clock/);
  assert.match(judge(90, { isRenewed: false })[0] ?? '', /^problem .*, in 10d → renew the files/);
  assert.match(judge(50, { isRenewed: false })[0] ?? '', /^ok .*, renewed by you/);
  const other = createPrivateKey((await stranger.issueClient({ commonName: 'x' })).keyPem);
  assert.match(judge(1, { key: other })[0] ?? '', /^problem the key is not that of the certificate/);
  // Relays may verify devices by another authority than their own.
  assert.doesNotMatch(judge(1, { authorities: [new X509Certificate(stranger.certificatePem)] })[0] ?? '', /of the authority/);
  assert.match(judge(11 * 365, {}).join('\n'), /all authorities that relays are verified with have ended|it has ended/);
});

test('what the agent would refuse at its start is told with the command that mends it', () => {
  const judge = (refused: string) => judgeCertificate({ refused, identity: undefined, now: new Date(), isHidden: false })[0];
  const modes = judge('/d/identity has mode 0755 and may hold secrets: others must not reach it. To mend: chmod 700 /d/identity');
  assert.deepEqual(
    [modes?.text, modes?.remedy],
    ['/d/identity has mode 0755 and may hold secrets: others must not reach it', 'chmod 700 /d/identity'],
  );
  const none = judge(
    'this device has not joined: there is no identity in /d/identity. Join it with\n  hawser-agent join wss://RELAY',
  );
  assert.match(none?.text ?? '', /there is no identity in \/d\/identity$/);
  assert.match(none?.remedy ?? '', /^Join it with hawser-agent join/);
  const hidden = { refused: 'identity may not be read by this user', identity: undefined, now: new Date(), isHidden: true };
  assert.equal(judgeCertificate(hidden)[0]?.level, 'unseen');
});

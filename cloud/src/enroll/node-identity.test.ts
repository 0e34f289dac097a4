import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createAuthority, issueNodeCertificate } from '../../../test/support/pki.ts';
import { nodeIn, nodeOf, type Subject } from './node-identity.ts';

test('a kubelet certificate names its node', () => {
  assert.deepEqual(nodeOf({ CN: 'system:node:edge-1.factory', O: 'system:nodes' }), { type: 'node', name: 'edge-1.factory' });
});

const strangers: [string, Subject][] = [
  ['an administrator', { CN: 'kubernetes-admin', O: 'system:masters' }],
  ['no common name', { O: 'system:nodes' }],
  ['no organization', { CN: 'system:node:edge-1' }],
  ['another group beside', { CN: 'system:node:edge-1', O: ['system:nodes', 'system:masters'] }],
  ['two common names', { CN: ['system:node:edge-1', 'system:node:edge-2'], O: 'system:nodes' }],
  ['an empty node name', { CN: 'system:node:', O: 'system:nodes' }],
  ['a path', { CN: 'system:node:../edge-1', O: 'system:nodes' }],
  ['a line break', { CN: 'system:node:edge-1\n', O: 'system:nodes' }],
  ['capitals', { CN: 'system:node:Edge-1', O: 'system:nodes' }],
  ['a name of 254 characters', { CN: `system:node:${'a'.repeat(254)}`, O: 'system:nodes' }],
];
for (const [what, subject] of strangers) {
  test(`a certificate with ${what} names no node`, () => assert.equal(nodeOf(subject).type, 'refused'));
}

test('a certificate that TLS has not seen names its node by the text of its subject', async () => {
  const authority = await createAuthority('devices');
  const nodeOfCertificate = (pem: string) => nodeIn(new X509Certificate(pem));
  const device = await issueNodeCertificate(authority, 'edge-1');
  assert.deepEqual(nodeOfCertificate(device.certificatePem), { type: 'node', name: 'edge-1' });
  for (const subject of [
    { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    { commonName: 'system:node:edge-1', organizations: ['system:nodes', 'system:masters'] },
    { commonName: 'system:node:edge-1' },
    { commonName: 'system:node:edge-1\nO=system:nodes' },
    { commonName: 'x', organizations: ['system:nodes\nCN=system:node:edge-1'] },
  ]) {
    const { certificatePem } = await authority.issueClient(subject);
    assert.equal(nodeOfCertificate(certificatePem).type, 'refused', JSON.stringify(subject));
  }
  for (const subject of ['', undefined, 'CN', '=\n=', 'O=system:nodes + CN=system:node:edge-1']) {
    assert.equal(nodeIn({ subject }).type, 'refused');
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensureExecutables } from '../../scripts/package/ensure.ts';
import { type BillOfMaterials, billOfMaterials } from '../../scripts/package/sbom.ts';
import { schemaFaultsOf } from './schema.ts';

/** A change that the schema must not let pass, so that the test above says something. */
const changes: readonly [string, (bill: BillOfMaterials) => object, RegExp][] = [
  ['a field that it does not know', (bill) => ({ ...bill, made: 'here' }), /additional properties/],
  ['a licence that SPDX does not list', (bill) => changed(bill, { licenses: [{ license: { id: 'Mine' } }] }), /licenses/],
  ['a hash with too few digits', (bill) => changed(bill, { hashes: [{ alg: 'SHA-256', content: 'abcd' }] }), /content/],
  ['a kind of component that it does not have', (bill) => changed(bill, { type: 'program' }), /type/],
  ['a component that stands twice', (bill) => ({ ...bill, components: [...bill.components, bill.components[0]] }), /components/],
  ['a serial number that is no UUID', (bill) => ({ ...bill, serialNumber: 'urn:uuid:1' }), /serialNumber/],
];

function changed(bill: BillOfMaterials, fields: object): object {
  const [first, ...others] = bill.components;
  return { ...bill, components: [{ ...first, ...fields }, ...others] };
}

test('the schema of CycloneDX 1.6 takes the bills of both programs for both architectures', async () => {
  for (const executable of await ensureExecutables()) {
    const bill = await billOfMaterials(executable);
    assert.deepEqual(await schemaFaultsOf(JSON.stringify(bill)), [], executable.file);
  }
});

test('it would not take one with a fault', async (t) => {
  const [executable] = await ensureExecutables({ only: 'agent', arch: 'x64' });
  assert.ok(executable !== undefined);
  const bill = await billOfMaterials(executable);
  for (const [what, change, expected] of changes) {
    await t.test(what, async () => assert.match((await schemaFaultsOf(JSON.stringify(change(bill)))).join('\n'), expected));
  }
});

/**
 * What CycloneDX 1.6 asks of a bill of materials in JSON (ECMA-424 and its schema `bom-1.6.schema.json`), as far as ours use it, and
 * what we ask beyond that: a version, a package URL, a licence and a hash.
 */
import type { BillOfMaterials, Component } from '../../scripts/package/sbom.ts';

const FIELDS = new Set([
  '$schema',
  'bomFormat',
  'specVersion',
  'serialNumber',
  'version',
  'metadata',
  'components',
  'dependencies',
]);
const COMPONENT_FIELDS = new Set(['type', 'bom-ref', 'name', 'version', 'purl', 'licenses', 'hashes', 'components']);
const TYPES = new Set([
  'application',
  'framework',
  'library',
  'container',
  'platform',
  'operating-system',
  'device',
  'firmware',
  'file',
]);
const SERIAL = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Digits in hex, by algorithm. */
const HASHES: Readonly<Record<string, number>> = { 'SHA-256': 64, 'SHA-512': 128 };
/** `scheme:type/namespace/name@version?qualifiers` (ECMA-427): what is not a letter, digit or one of .-_~:+ is escaped. */
const PURL =
  /^pkg:[a-z][a-z0-9.-]*(?:\/(?:[\w.~:+-]|%[0-9A-F]{2})+)+@(?:[\w.~:+-]|%[0-9A-F]{2})+(?:\?[a-z]+=[\w.-]+(?:&[a-z]+=[\w.-]+)*)?$/;
/** Of the SPDX list, version 3.27: those that ours name. One that is new here is to be looked up there. */
const LICENSES = new Set([
  ...['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0', 'Python-2.0', 'Unicode-3.0', 'Unlicense'],
  ...['Zlib', 'blessing'],
]);

/** @returns what is wrong, empty for a good one */
export function faultsOf(bill: BillOfMaterials): readonly string[] {
  const faults: string[] = [];
  const claim = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  for (const field of Object.keys(bill)) claim(FIELDS.has(field), `the field ${field} is not known`);
  claim(bill.bomFormat === 'CycloneDX' && bill.specVersion === '1.6', 'it is of another format');
  claim(bill.$schema === 'http://cyclonedx.org/schema/bom-1.6.schema.json', 'it names another schema');
  claim(SERIAL.test(bill.serialNumber), `serialNumber ${bill.serialNumber}`);
  claim(Number.isInteger(bill.version) && bill.version >= 1, `version ${bill.version}`);

  const all = [bill.metadata.component, ...bill.components].flatMap(withNested);
  const refs = all.map((component) => component['bom-ref']);
  for (const ref of twice(refs)) faults.push(`bom-ref ${ref} stands twice`);
  for (const component of all) faults.push(...faultsOfComponent(component));

  const known = new Set(refs);
  for (const ref of twice(bill.dependencies.map(({ ref }) => ref))) faults.push(`${ref} has its dependencies twice`);
  for (const { ref, dependsOn } of bill.dependencies) {
    for (const name of [ref, ...dependsOn]) claim(known.has(name), `${name} is no component`);
    for (const name of twice(dependsOn)) faults.push(`${ref} depends on ${name} twice`);
  }
  const reached = reachable(bill);
  for (const component of bill.components) claim(reached.has(component['bom-ref']), `nothing depends on ${component['bom-ref']}`);
  return faults;
}

function faultsOfComponent(component: Component): string[] {
  const { type, name, version, purl, licenses = [], hashes = [] } = component;
  const faults: string[] = [];
  const claim = (holds: boolean, fault: string) => {
    if (!holds) faults.push(`${name}: ${fault}`);
  };
  for (const field of Object.keys(component)) claim(COMPONENT_FIELDS.has(field), `the field ${field} is not known`);
  claim(TYPES.has(type), `type ${type}`);
  claim(name !== '' && component['bom-ref'] !== '', 'it has no name');
  claim(version !== '', 'it has no version');
  claim(PURL.test(purl), `purl ${purl}`);
  claim(licenses.length > 0, 'it has no licence');
  // Either licences by their names, or one expression.
  claim(licenses.length === 1 || licenses.every((choice) => 'license' in choice), 'an expression stands beside others');
  for (const choice of licenses) {
    const ids =
      'license' in choice ? [choice.license.id] : choice.expression.split(/[() ]+|AND|OR|WITH/).filter((id) => id !== '');
    for (const id of ids) claim(LICENSES.has(id), `licence ${id}`);
  }
  for (const { alg, content } of hashes) claim(new RegExp(`^[0-9a-f]{${HASHES[alg]}}$`).test(content), `${alg} ${content}`);
  const isOwn = purl.startsWith('pkg:npm/%40hawser/');
  const isNested = component['bom-ref'].startsWith('node/');
  claim(hashes.length > 0 || isOwn || isNested, 'it has no hash');
  return faults;
}

function withNested(component: Component): Component[] {
  return [component, ...(component.components ?? []).flatMap(withNested)];
}

function reachable({ metadata, dependencies }: BillOfMaterials): ReadonlySet<string> {
  const edges = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const reached = new Set<string>();
  const open = [metadata.component['bom-ref']];
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    if (reached.has(ref)) continue;
    reached.add(ref);
    open.push(...(edges.get(ref) ?? []));
  }
  return reached;
}

function twice(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
}

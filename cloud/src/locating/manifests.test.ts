import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { references } from './references.ts';

const MANIFESTS = resolve(import.meta.dirname, '../../../../shared/manifests');
const CONTROLLERS = new Set(['Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'Job']);

/** How each kind of reference looks, wherever it stands: the field that holds it, and the field in that with the name. */
const SHAPES: readonly (readonly [string, string, string])[] = [
  ['configMap', 'name', 'configmaps'],
  ['configMapRef', 'name', 'configmaps'],
  ['configMapKeyRef', 'name', 'configmaps'],
  ['secret', 'secretName', 'secrets'],
  ['secret', 'name', 'secrets'],
  ['secretRef', 'name', 'secrets'],
  ['secretKeyRef', 'name', 'secrets'],
  ['nodePublishSecretRef', 'name', 'secrets'],
  ['persistentVolumeClaim', 'claimName', 'persistentvolumeclaims'],
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Looks for those shapes at every depth and knows nothing of where in a pod they may stand. */
function walk(value: unknown, found: Set<string>): Set<string> {
  if (Array.isArray(value)) for (const item of value) walk(item, found);
  if (!isRecord(value)) return found;
  for (const [name, inner] of Object.entries(value)) {
    for (const [holder, nameField, kind] of SHAPES) {
      if (name === holder && isRecord(inner) && typeof inner[nameField] === 'string')
        found.add(`${kind}/shop/${inner[nameField]}`);
    }
    if (name === 'imagePullSecrets' && Array.isArray(inner)) for (const item of inner) found.add(`secrets/shop/${item.name}`);
    if (name === 'serviceAccountName' || name === 'serviceAccount') found.add(`serviceaccounts/shop/${String(inner)}`);
    walk(inner, found);
  }
  return found;
}

function podTemplates(file: string): unknown[] {
  const text = readFileSync(join(MANIFESTS, file), 'utf8').replace(/\{\{.*?\}\}/g, 'placeholder');
  return parseAllDocuments(text).flatMap((document) => {
    const object: unknown = document.toJS();
    if (!isRecord(object) || typeof object.kind !== 'string' || !CONTROLLERS.has(object.kind)) return [];
    return isRecord(object.spec) ? [object.spec.template] : [];
  });
}

test('every reference of real workloads is located', {
  skip: existsSync(MANIFESTS) ? false : `${MANIFESTS} is not there`,
}, (t) => {
  const files = readdirSync(MANIFESTS, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ya?ml$/.test(file));
  let pods = 0;
  let located = 0;
  for (const file of files) {
    for (const template of podTemplates(file)) {
      assert.ok(isRecord(template), `${file} has a controller without a template`);
      const found = references({ ...template, metadata: { ...Object(template.metadata), name: 'pod', namespace: 'shop' } });
      assert.deepEqual([...found].sort(), [...walk(template.spec, new Set())].sort(), file);
      pods += 1;
      located += found.length;
    }
  }
  assert.ok(pods >= 17, `only ${pods} controllers were found in ${files.length} files`);
  assert.ok(located > 0);
  t.diagnostic(`${files.length} files, ${pods} controllers, ${located} references`);
});

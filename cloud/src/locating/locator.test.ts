import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import type { ServiceScope } from './facts.ts';
import { Locator } from './locator.ts';

const POD = objectKey('pods', 'shop', 'cart');
const CONFIG = objectKey('configmaps', 'shop', 'a');
const NODE = objectKey('nodes', '', 'edge-1');
const SHOP = objectKey('namespaces', '', 'shop');
const CLAIM = objectKey('persistentvolumeclaims', 'shop', 'data');
const VOLUME = objectKey('persistentvolumes', '', 'disk');
const VOLUME_SECRET = objectKey('secrets', 'storage', 'login');
const SERVICE = objectKey('services', 'shop', 'web');
const API_SERVICE = objectKey('services', 'default', 'kubernetes');
const API_SLICE = objectKey('discovery.k8s.io/endpointslices', 'default', 'kubernetes');

function on(node: string | undefined, ...needs: ObjectKey[]) {
  return { node, needs };
}

function needsOf(locator: Locator, node = 'edge-1'): ObjectKey[] {
  return [...locator.needsOf(node)].sort();
}

function edge(scope: ServiceScope = 'namespaces'): Locator {
  const locator = new Locator();
  locator.setNode('edge-1', scope);
  return locator;
}

test('what two nodes need is shared; a pod and a Node are not', () => {
  const locator = edge();
  locator.setNode('edge-2', 'namespaces');
  const other = objectKey('pods', 'shop', 'till');
  locator.setPod(POD, on('edge-1', SHOP, CONFIG));
  assert.deepEqual(
    [POD, NODE, CONFIG].map((key) => locator.isShared(key)),
    [false, false, false],
  );
  locator.setPod(other, on('edge-2', SHOP, CONFIG));
  assert.deepEqual(
    [POD, NODE, CONFIG, SHOP].map((key) => locator.isShared(key)),
    [false, false, true, true],
  );
});

describe('a node needs', () => {
  test('nothing while it is no edge node, and its Node, pods and their objects once it is', () => {
    const locator = new Locator();
    assert.deepEqual(locator.setPod(POD, on('edge-1', SHOP, CONFIG)), []);
    assert.deepEqual(needsOf(locator), []);
    const changes = locator.setNode('edge-1', 'namespaces');
    assert.deepEqual(new Set(changes.map(({ key }) => key)), new Set([NODE, POD, SHOP, CONFIG]));
    assert.ok(changes.every(({ needed, node }) => needed && node === 'edge-1'));
    assert.deepEqual(needsOf(locator), [CONFIG, SHOP, NODE, POD].sort());
    assert.equal(locator.setNode('edge-1', undefined).length, 4);
    assert.equal(locator.isNeeded(CONFIG), false);
  });

  test('an object until its last pod has gone', () => {
    const locator = edge();
    const other = objectKey('pods', 'shop', 'other');
    locator.setPod(POD, on('edge-1', CONFIG));
    locator.setPod(other, on('edge-1', CONFIG));
    assert.deepEqual(
      locator.remove(POD).map(({ key }) => key),
      [POD],
    );
    assert.deepEqual(
      locator.remove(other).map(({ key }) => key),
      [other, CONFIG],
    );
  });

  test('an object without a break when a pod changes its references or nothing at all', () => {
    const locator = edge();
    const added = objectKey('secrets', 'shop', 'b');
    locator.setPod(POD, on('edge-1', CONFIG));
    assert.deepEqual(locator.setPod(POD, on('edge-1', CONFIG)), []);
    assert.deepEqual(locator.setPod(POD, on('edge-1', CONFIG, added)), [{ key: added, node: 'edge-1', needed: true }]);
  });

  test('a pod no longer when it is bound to another', () => {
    const locator = edge();
    locator.setNode('edge-2', 'namespaces');
    locator.setPod(POD, on('edge-1', CONFIG));
    const changes = locator.setPod(POD, on('edge-2', CONFIG));
    assert.equal(changes.filter(({ needed, node }) => needed && node === 'edge-2').length, 2);
    assert.equal(changes.filter(({ needed, node }) => !needed && node === 'edge-1').length, 2);
    assert.deepEqual([...locator.neededBy(CONFIG)], ['edge-2']);
  });

  test('nothing of a pod that is not scheduled, or unknown', () => {
    const locator = edge();
    assert.deepEqual(locator.setPod(POD, on(undefined, CONFIG)), []);
    assert.deepEqual(locator.remove(POD), []);
    assert.deepEqual(locator.remove(POD), []);
    assert.equal(locator.needCount('edge-1'), 1);
  });

  test('the volume of a claim and the Secrets of the volume, in whatever order they come', () => {
    for (const volumeFirst of [false, true]) {
      const locator = edge();
      const bind = () => locator.setVolume(VOLUME, { claim: CLAIM, secrets: [VOLUME_SECRET] });
      if (volumeFirst) bind();
      locator.setPod(POD, on('edge-1', CLAIM));
      if (!volumeFirst) bind();
      assert.deepEqual(needsOf(locator), [CLAIM, NODE, POD, VOLUME, VOLUME_SECRET].sort());
      assert.deepEqual([...locator.needsOfPod(POD)].sort(), [CLAIM, VOLUME, VOLUME_SECRET].sort());
      locator.setVolume(VOLUME, { claim: objectKey('persistentvolumeclaims', 'bank', 'data'), secrets: [VOLUME_SECRET] });
      assert.deepEqual(needsOf(locator), [CLAIM, NODE, POD].sort());
    }
  });

  test('of volumes that a claim merely names only one that is free', () => {
    const locator = edge();
    locator.setPod(POD, on('edge-1', CLAIM));
    locator.setClaim(CLAIM, { volume: VOLUME });
    assert.equal(locator.isNeeded(VOLUME), false, 'what it is, is not known yet');
    locator.setVolume(VOLUME, { claim: undefined, secrets: [] });
    assert.equal(locator.isNeeded(VOLUME), true);
    locator.setVolume(VOLUME, { claim: objectKey('persistentvolumeclaims', 'bank', 'data'), secrets: [VOLUME_SECRET] });
    assert.equal(locator.isNeeded(VOLUME), false);
    assert.equal(locator.isNeeded(VOLUME_SECRET), false);
  });

  test('the VolumeAttachments to it', () => {
    const locator = edge();
    const attachment = objectKey('storage.k8s.io/volumeattachments', '', 'csi-1');
    locator.setAttachment(attachment, 'edge-1');
    assert.equal(locator.needs('edge-1', attachment), true);
    locator.remove(attachment);
    assert.equal(locator.needs('edge-1', attachment), false);
  });
});

describe('of Services, EndpointSlices and Endpoints a node needs', () => {
  const slice = objectKey('discovery.k8s.io/endpointslices', 'shop', 'web-1');
  const endpoints = objectKey('endpoints', 'shop', 'web');
  const elsewhere = objectKey('services', 'bank', 'ledger');
  function withServices(scope: ServiceScope): Locator {
    const locator = edge(scope);
    for (const key of [SERVICE, slice, endpoints, elsewhere, API_SERVICE]) locator.setScoped(key, undefined);
    locator.setScoped(API_SLICE, 'kubernetes');
    locator.setPod(POD, on('edge-1', SHOP));
    return locator;
  }
  const scoped = (locator: Locator) => needsOf(locator).filter((key) => ![POD, SHOP, NODE].includes(key));
  const ofShop = [slice, endpoints, SERVICE];

  test('those of the namespaces of its pods and those of the API server, by default and where the annotation is not understood', () => {
    for (const scope of ['namespaces', 'unknown'] as const) {
      const locator = withServices(scope);
      assert.deepEqual(scoped(locator), [...ofShop, API_SERVICE, API_SLICE].sort());
      assert.equal(locator.isNeeded(elsewhere), false);
      locator.remove(POD);
      assert.deepEqual(scoped(locator), [API_SLICE, API_SERVICE]);
    }
  });

  test('all with the scope of the cluster, none with none, and what changes is told and no more', () => {
    const locator = withServices('namespaces');
    assert.deepEqual(locator.setNode('edge-1', 'cluster'), [{ key: elsewhere, node: 'edge-1', needed: true }]);
    const { length } = locator.setNode('edge-1', 'none');
    assert.equal(length, 6);
    assert.deepEqual(scoped(locator), []);
    assert.equal(locator.setNode('edge-1', 'namespaces').length, 5);
  });

  test('one that comes later, and before that it is known that its text is wanted', () => {
    const locator = edge();
    assert.equal(locator.isNeeded(SERVICE), false);
    locator.setPod(POD, on('edge-1', SHOP));
    assert.equal(locator.isNeeded(SERVICE), true);
    assert.deepEqual([...locator.neededBy(SERVICE)], ['edge-1']);
    locator.setScoped(SERVICE, undefined);
    assert.ok(needsOf(locator).includes(SERVICE));
  });

  test('of the API server also an EndpointSlice of another name, by its label', () => {
    const locator = edge();
    const other = objectKey('discovery.k8s.io/endpointslices', 'default', 'kubernetes-x7');
    assert.deepEqual(locator.setScoped(other, 'web'), []);
    assert.deepEqual(locator.setScoped(other, 'kubernetes'), [{ key: other, node: 'edge-1', needed: true }]);
    assert.deepEqual(locator.setScoped(other, 'web'), [{ key: other, node: 'edge-1', needed: false }]);
  });

  test('RuntimeClasses and CSIDrivers whatever the scope', () => {
    const locator = edge('none');
    const driver = objectKey('storage.k8s.io/csidrivers', '', 'csi.example');
    locator.setScoped(driver, undefined);
    assert.deepEqual(needsOf(locator), [NODE, driver]);
  });
});

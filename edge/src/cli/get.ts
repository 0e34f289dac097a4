import type { ApiResource, KubeObject } from '@hawser/protocol';
import { stringify } from 'yaml';
import type { SealSource } from '../store/index.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import { CommandFailure, EXIT } from './exit.ts';
import type { CliIo } from './io.ts';
import { withStore } from './open-store.ts';
import { resourceNamed } from './resource-name.ts';
import { withoutSecretValues } from './secrets.ts';
import { renderTable } from './table.ts';

export interface GetRequest {
  readonly dataDir: string;
  /** Opens Secrets. */
  readonly seal: SealSource;
  /** `pods`, `po`, `pod`, `deployments.apps`. */
  readonly resource: string;
  readonly name: string | undefined;
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly output: 'table' | 'wide' | 'json' | 'yaml';
  readonly showSecrets: boolean;
}

/** Prints objects of the device's store. @throws CommandFailure */
export function get(request: GetRequest, io: CliIo): void {
  const resource = resourceNamed(request.resource);
  if (request.name !== undefined && request.allNamespaces) {
    throw new CommandFailure(EXIT.usage, `a name needs its namespace: use -n in place of -A`);
  }
  const objects = withStore(
    request.dataDir,
    (store) => {
      if (store.facts()[SYNC_FACTS.lastSync] === undefined) {
        io.writeError('Warning: this device has never had all its objects from the cloud.\n');
      }
      const namespace = resource.namespaced ? request.namespace : '';
      if (request.name !== undefined) return [store.get({ resource: resource.id, namespace, name: request.name })];
      return store.list(resource.id, request.allNamespaces || !resource.namespaced ? undefined : namespace);
    },
    request.seal,
  );
  if (objects.includes(undefined)) {
    const where = resource.namespaced ? ` in the namespace ${request.namespace}` : '';
    throw new CommandFailure(
      EXIT.failed,
      `${resource.resource} ${JSON.stringify(request.name)} not found on this device${where}`,
    );
  }
  const found = objects.filter((object) => object !== undefined);
  const shown = request.showSecrets ? found : found.map(withoutSecretValues);
  print(request, resource, shown, io);
}

function print(request: GetRequest, resource: ApiResource, objects: readonly KubeObject[], io: CliIo): void {
  const { output, allNamespaces } = request;
  if (output === 'json' || output === 'yaml') {
    const [only] = objects;
    const value =
      request.name !== undefined ? only : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects };
    io.write(output === 'json' ? `${JSON.stringify(value, null, 4)}\n` : stringify(value, { lineWidth: 0 }));
    return;
  }
  if (objects.length === 0) {
    const where = resource.namespaced && !allNamespaces ? ` in ${request.namespace} namespace` : '';
    io.writeError(`No resources found${where}.\n`);
    return;
  }
  const withNamespace = resource.namespaced && allNamespaces;
  io.write(renderTable(resource, objects, { wide: output === 'wide', withNamespace, now: io.now() }));
}

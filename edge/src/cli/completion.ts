import { QUERY_TABLE } from '@hawser/protocol';
import type { CompletionOptions } from '@hawser/settings';

const RESOURCES =
  'pods configmaps secrets nodes services endpoints endpointslices serviceaccounts namespaces persistentvolumes ' +
  'persistentvolumeclaims volumeattachments runtimeclasses csidrivers events leases';

const QUERIED = QUERY_TABLE.filter(({ type }) => type === 'get')
  .map(({ resource }) => resource.split('/').at(-1))
  .join(' ');

export const COMPLETION: CompletionOptions = {
  fileFlags: [
    '--config',
    '--data-dir',
    '--cache-dir',
    '--tls-cert',
    '--tls-key',
    '--tls-ca',
    '--store-key',
    '--token-file',
    '--new-key',
    '--kubelet',
    '--kubelet-path',
    '--kubelet-config',
  ],
  words: { get: RESOURCES, query: QUERIED },
};

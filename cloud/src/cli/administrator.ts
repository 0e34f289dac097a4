import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { addSettings, findText, type Sources, sourcesOf } from '@hawser/settings';
import type { Command } from 'commander';
import { pino } from 'pino';
import { type ApiClient, type ApiResponse, bearerOf, createApiClient, loadCredentials, readFailure } from '../apiserver/index.ts';
import { SETTINGS } from '../ops/settings.ts';
import { replicaNamespace } from '../replicas/index.ts';
import { CONFIG_PLACE } from './config-place.ts';
import type { CliIo } from './io.ts';

/** What a command of an administrator works with: the API server with the administrator's own rights, and where the relays keep things. */
export interface Administrator {
  readonly api: Pick<ApiClient, 'request'>;
  /** Of the relays, by the rule that they follow themselves. */
  readonly namespace: string;
  /** The token of the kubeconfig or pod; undefined where it has none. @throws HawserError `unauthorized` */
  bearer(): Promise<string | undefined>;
}

/** Those of the relay's settings that tell which cluster and which relays are meant. */
const KUBECONFIG = SETTINGS.filter(({ path }) => path === 'kubeconfig');
const ASKED = SETTINGS.filter(({ path }) => path === 'kubeconfig' || path === 'replica.namespace');

/** The end of a group's help: what the flags of `addAdministrator` mean, and the exit codes. */
export const ADMINISTRATOR_HELP = `
The API server is that of --kubeconfig, of the relay's own configuration (--config), of the variable KUBECONFIG, of ~/.kube/config, or
that of the pod in which the command runs; what may be done there is up to its rights.

Exit codes: 0 done, 1 not done: the API server is away or refuses, 2 wrong command line or settings.
`;

/** Gives a command the flags that `asAdministrator` reads. @returns the command */
export function addAdministrator(command: Command): Command {
  return addSettings(command, KUBECONFIG, CONFIG_PLACE).option(
    '-n, --namespace <namespace>',
    'namespace of the relays; without it replica.namespace, that of the kubeconfig or pod, or hawser-system',
  );
}

/**
 * Runs `action` and closes its connections.
 * @throws HawserError `bad_config` for flags, files and kubeconfigs that are wrong, and whatever `action` throws
 */
export async function asAdministrator<T>(
  command: Command,
  io: Pick<CliIo, 'env'>,
  action: (administrator: Administrator) => Promise<T>,
): Promise<T> {
  const sources = sourcesOf(command, KUBECONFIG, io.env, CONFIG_PLACE);
  const kubeconfig = kubeconfigOf(sources);
  const connection = loadCredentials(kubeconfig === undefined ? {} : { kubeconfig });
  const given = command.opts<{ namespace?: string }>().namespace ?? findText('replica.namespace', ASKED, sources);
  const client = createApiClient(connection, { logger: pino({ level: 'silent' }) });
  try {
    const bearer = async () => bearerOf(await connection.credentials());
    return await action({ api: client, namespace: replicaNamespace(given, connection), bearer });
  } finally {
    client.close();
  }
}

/** As kubectl finds it, so that the cluster is the same. Of several files in KUBECONFIG kubectl makes one; here it names one. */
function kubeconfigOf(sources: Sources): string | undefined {
  const set = findText('kubeconfig', ASKED, sources);
  if (set !== undefined) return set;
  const variable = sources.env.KUBECONFIG;
  if (!variable) return kubeconfigAtHome(sources.env.HOME);
  if (variable.includes(':')) {
    throw new HawserError('bad_config', 'KUBECONFIG: names several files; name the one that is meant with --kubeconfig');
  }
  return variable;
}

function kubeconfigAtHome(home: string | undefined): string | undefined {
  if (!home) return undefined;
  const path = join(home, '.kube', 'config');
  return existsSync(path) ? path : undefined;
}

/**
 * The error of an answer that is not the one hoped for, for a person: what was tried, and the API server's own words.
 * @param what "Secret hawser-system/hawser-ca was not read"
 */
export function refusedBy(what: string, { status, headers, text }: ApiResponse): HawserError {
  const { message } = readFailure(status, headers, text, new Date());
  return new HawserError(status === 401 || status === 403 ? 'unauthorized' : 'unreachable', `${what}: ${message}`);
}

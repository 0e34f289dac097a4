import { HawserError } from '@hawser/protocol';
import { type Command, Option } from 'commander';
import { ADMIN_PATHS, MOST_PER_PAGE, type NodeSession, NodeSessionList } from '../../admin/index.ts';
import { type Administrator, addAdministrator, asAdministrator } from '../administrator.ts';
import type { CliIo } from '../io.ts';
import { type Asked, type Asking, ask, type Question } from './ask.ts';
import { bearerFor } from './bearer.ts';
import { findPlaces, MOST_PLACES, type Place, placeAt } from './places.ts';
import { replicaTrust } from './trust.ts';

/** The end of the help of every command that asks replicas. */
export const FLEET_HELP = `
Replicas are found by the EndpointSlices of the headless Service (--service), and each is asked for itself over HTTPS, at its port "admin",
with the token of the kubeconfig, or of the pod in which the command runs. Who asks needs get on the nonResourceURL /hawser/*, as the
ClusterRole hawser-viewer gives it, and for changes update. A replica is shown the token once its certificate is verified: by the
authority that the relays publish (ConfigMap hawser-ca) or that of --ca, and by the address at which it was found, a name that devices
dial, or --server-name. A kubeconfig with a client certificate has no token: --as-service-account has one made.

From outside the cluster's network:
  kubectl -n hawser-system exec deploy/hawser-relay -- hawser-relay nodes
  kubectl -n hawser-system port-forward pod/NAME 8444          # to each replica, each to a port of its own
  hawser-relay nodes --replica https://127.0.0.1:8444 --as-service-account NAME

The API server is that of --kubeconfig, of the relay's own configuration (--config), of the variable KUBECONFIG, of ~/.kube/config, or
that of the pod.

Exit codes: 0 all replicas have answered, 1 one has not, which is named, or the API server is away or refuses, 2 wrong command line or
settings.
`;

/** Pages of one replica's sessions, each of up to MOST_PER_PAGE: five times what a relay holds. A replica that goes on has lost its mind. */
const MOST_PAGES = 50;

export const DEFAULT_SERVICE = 'hawser-relay-replicas';

interface FleetFlags {
  readonly service: string;
  readonly replica: readonly string[];
  readonly ca?: string;
  readonly serverName?: string;
  readonly asServiceAccount?: string;
}

/** Gives a command the flags that `asFleet` reads. @returns the command */
export function addFleet(command: Command): Command {
  return addAdministrator(command)
    .option('--service <name>', 'headless Service by which the replicas are found', DEFAULT_SERVICE)
    .addOption(
      new Option('--replica <address>', 'ask this one alone, https://HOST:PORT; may be given again')
        .argParser((address: string, before: readonly string[]) => [...before, address])
        .default([], 'all'),
    )
    .option('--ca <file>', 'authority of the relays, PEM; without it the ConfigMap hawser-ca')
    .option('--server-name <name>', 'name that the certificates of the replicas have')
    .option('--as-service-account <name>', 'ask with a token made for this ServiceAccount, NAME or NAMESPACE/NAME');
}

/** The replicas, and how they are asked. */
export interface Fleet {
  readonly administrator: Administrator;
  readonly asking: Asking;
  /** Whether all replicas are asked; else those that --replica names, whatever they call themselves. */
  readonly isWhole: boolean;
  /** As they are now; a watch looks again. */
  places(): Promise<readonly Place[]>;
}

/** Runs `action`. What it could not do it returns, a line each, which is told as an error after all that was printed. */
export async function asFleet(command: Command, io: CliIo, action: (fleet: Fleet) => Promise<readonly string[]>): Promise<void> {
  const flags = command.opts<FleetFlags>();
  const named = flags.replica.map(placeAt);
  await asAdministrator(command, io, async (administrator) => {
    const [token, trust] = await Promise.all([
      bearerFor(administrator, flags.asServiceAccount),
      replicaTrust(administrator, flags),
    ]);
    const troubles = await action({
      administrator,
      asking: { token, trust, signal: io.signal ?? new AbortController().signal },
      isWhole: named.length === 0,
      places: async () => (named.length > 0 ? named : findPlaces(administrator, flags.service)),
    });
    if (troubles.length > 0) throw new HawserError('unreachable', troubles.join('\n'));
  });
}

/** What one replica said. */
export interface Said<T> {
  readonly place: Place;
  readonly answer: Asked<T>;
}

/** Asks all side by side. */
export async function askAll<T>(
  { asking }: Pick<Fleet, 'asking'>,
  places: readonly Place[],
  question: Question,
  schema: Parameters<typeof ask<T>>[2],
): Promise<readonly Said<T>[]> {
  return Promise.all(
    places.map(async (place, index): Promise<Said<T>> => {
      if (index >= MOST_PLACES) return { place, answer: { type: 'failed', why: `only ${MOST_PLACES} replicas are asked` } };
      return { place, answer: await ask(place, question, schema, asking) };
    }),
  );
}

/** A line for each replica that has not answered. */
export function unanswered<T>(said: readonly Said<T>[]): readonly string[] {
  return said.flatMap(({ place, answer }) => (answer.type === 'failed' ? [troubleOf(place, answer.why)] : []));
}

export function troubleOf({ replica, host, port }: Place, why: string): string {
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `replica ${replica}${replica === at ? '' : ` (${at})`} does not answer: ${why}`;
}

export interface Sessions {
  /** As the replica calls itself. */
  readonly replica: string;
  readonly sessions: readonly NodeSession[];
}

/** All sessions of one replica, page by page: some come and go meanwhile. */
export async function sessionsOf({ asking }: Pick<Fleet, 'asking'>, place: Place): Promise<Asked<Sessions>> {
  const sessions: NodeSession[] = [];
  let after = '';
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const path = `${ADMIN_PATHS.nodes}?limit=${MOST_PER_PAGE}&continue=${encodeURIComponent(after)}`;
    const answer = await ask(place, { path }, NodeSessionList, asking);
    if (answer.type === 'failed') return answer;
    const { replica, items, continue: next } = answer.value;
    sessions.push(...items);
    // Names rise from page to page.
    if (next === '' || next <= after) return { type: 'answer', value: { replica, sessions } };
    after = next;
  }
  return { type: 'failed', why: `its list of sessions has not ended after ${MOST_PAGES} pages` };
}

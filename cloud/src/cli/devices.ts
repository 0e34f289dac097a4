import { HawserError, isNodeName } from '@hawser/protocol';
import { type Command, Option } from 'commander';
import { pino } from 'pino';
import { systemClock } from '../clock.ts';
import {
  AUTHORITY_NAME,
  createDeviceAdministration,
  createRecordStore,
  type DeviceAdministration,
  type DeviceReport,
  shownKey,
} from '../enroll/index.ts';
import { ADMINISTRATOR_HELP, type Administrator, addAdministrator, asAdministrator } from './administrator.ts';
import { alignColumns } from './columns.ts';
import type { CliIo, CommandGroup } from './io.ts';

interface Asked {
  readonly devices: DeviceAdministration;
  readonly namespace: string;
  /** Whether something in the namespace shows that relays work there. */
  hasRelays(): Promise<boolean>;
}

const REVOKE_HELP = `
Every relay ends the link of that Node at once and lets no certificate of that name in any more, renews none, and gives the name to
another device only with --replace and a token made for it. Pods on the device go on running: nobody can tell it to stop them. With
--forget the Node is deleted as well, and with it what the cluster knows of its pods.

Examples:
  hawser-relay revoke truck-17 --reason "stolen in Bremen"
  hawser-relay revoke truck-17 --forget
  hawser-relay revocations                what is revoked
  hawser-relay unrevoke truck-17          takes it back
${ADMINISTRATOR_HELP}`;

const UNREVOKE_HELP = `
The device is let in again with the key that it had. It dials by itself within an hour; sooner when its agent is started anew.

Example:
  hawser-relay unrevoke truck-17
${ADMINISTRATOR_HELP}`;

const LIST_HELP = `
ISSUED tells when the device was last given a certificate. States: enrolled; renewing, certified with a next key that has not linked yet; ended, the last certificate is over, and the device can
be renewed within the grace; revoked; unreadable, somebody has edited the record, and its device is kept out.

Examples:
  hawser-relay devices
  hawser-relay revocations -o json
${ADMINISTRATOR_HELP}`;

/** `hawser-relay revoke`, `unrevoke`, `revocations`, `devices`. */
export const deviceCommands: CommandGroup = (program, io) => {
  const revoke = program
    .command('revoke')
    .description('keep the device of a Node out: end its link, refuse its certificate and its renewal')
    .argument('<node>', 'name of the Node')
    .option('--reason <text>', 'told to the device and in lists', '')
    .option('--forget', 'delete the Node, too', false)
    .addHelpText('after', REVOKE_HELP);
  addAdministrator(revoke).action((node: string, { reason, forget }: { reason: string; forget: boolean }) =>
    asked(revoke, io, async ({ devices, namespace, hasRelays }) => {
      requireNodeName(node);
      const { wasBefore, revocation, hadRecord } = await devices.revoke(node, reason);
      const why = revocation.reason === '' ? '' : `: ${revocation.reason}`;
      io.write(`${node}: ${wasBefore ? `was revoked on ${revocation.at.toISOString()}` : 'revoked'}${why}\n`);
      if (!wasBefore && !hadRecord) {
        io.write(`${node}: no device of that name had joined; every certificate of it is refused\n`);
        io.write(`${node}: if the name was mistyped: hawser-relay unrevoke ${node}\n`);
        if (!(await hasRelays())) io.write(`${node}: ${nowhere(namespace)}\n`);
      }
      if (forget) io.write(`${node}: ${(await devices.forget(node)) ? 'Node deleted' : 'there was no such Node'}\n`);
    }),
  );

  const unrevoke = program
    .command('unrevoke')
    .description('let a revoked device in again')
    .argument('<node>', 'name of the Node')
    .addHelpText('after', UNREVOKE_HELP);
  addAdministrator(unrevoke).action((node: string) =>
    asked(unrevoke, io, async ({ devices }) => {
      requireNodeName(node);
      const taken = await devices.unrevoke(node);
      const was = taken === undefined || taken.reason === '' ? '' : ` (${taken.reason})`;
      io.write(taken === undefined ? `${node}: is not revoked\n` : `${node}: no longer revoked${was}\n`);
    }),
  );

  addList(program, io, 'revocations', 'list what is revoked', {
    columns: ['NODE', 'REVOKED', 'KEY', 'REASON'],
    row: (one) => [nameOf(one), one.revokedAt ?? '', shortKey(one.key), one.revokedReason ?? ''],
    isListed: ({ state }) => state === 'revoked',
    none: 'nothing is revoked',
  });
  addList(program, io, 'devices', 'list the devices that have joined, and what is revoked', {
    columns: ['NODE', 'KEY', 'ENROLLED', 'ISSUED', 'VALID TO', 'STATE'],
    row: (one) => [
      nameOf(one),
      shortKey(one.key),
      one.enrolledAt ?? '-',
      one.issuedAt ?? '-',
      one.validTo ?? '-',
      one.problem === null ? one.state : `${one.state}: ${one.problem}`,
    ],
    isListed: () => true,
    none: 'no device has joined',
  });
};

interface List {
  readonly columns: readonly string[];
  readonly row: (one: DeviceReport) => readonly string[];
  readonly isListed: (one: DeviceReport) => boolean;
  /** Said, with the namespace, when there is none. */
  readonly none: string;
}

function addList(program: Command, io: CliIo, name: string, description: string, list: List): void {
  const command = program
    .command(name)
    .description(description)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', LIST_HELP);
  addAdministrator(command).action(({ output }: { output: string }) =>
    asked(command, io, async ({ devices, namespace }) => {
      const listed = (await devices.devices()).filter(list.isListed);
      if (output === 'json') io.write(`${JSON.stringify(listed, null, 2)}\n`);
      else if (listed.length === 0) io.write(`${list.none} (namespace ${namespace})\n`);
      else io.write(alignColumns([list.columns, ...listed.map(list.row)]));
    }),
  );
}

function asked(command: Command, io: CliIo, action: (asked: Asked) => Promise<void>): Promise<void> {
  return asAdministrator(command, io, (administrator) => {
    const { api, namespace } = administrator;
    const devices = devicesOf(administrator);
    return action({
      devices,
      namespace,
      async hasRelays() {
        const { status } = await api.request({
          method: 'GET',
          path: `/api/v1/namespaces/${namespace}/configmaps/${AUTHORITY_NAME}`,
        });
        // Relays whose certificates are all by files have no such ConfigMap.
        return status === 200 || (await devices.devices()).some(({ validTo }) => validTo !== null);
      },
    });
  });
}

/** The records of devices, with the administrator's rights. */
export function devicesOf({ api, namespace }: Administrator): DeviceAdministration {
  const logger = pino({ level: 'silent' });
  const store = createRecordStore({ api, namespace, clock: systemClock, counts: { apiCall: () => undefined }, logger });
  return createDeviceAdministration(store, systemClock);
}

/** A kubeconfig often names the namespace of somebody's own work. What is revoked there keeps nobody out. */
function nowhere(namespace: string): string {
  return (
    `no sign of relays in the namespace ${namespace}: if theirs is another one this has no effect there; ` +
    'take it back (unrevoke) and name theirs with -n'
  );
}

function requireNodeName(node: string): void {
  if (!isNodeName(node)) throw new HawserError('bad_config', `${JSON.stringify(node)} cannot be the name of a Node`);
}

/** A record that cannot be read need not tell its node. */
function nameOf({ node, record }: DeviceReport): string {
  return node ?? `(${record})`;
}

function shortKey(key: string | null): string {
  return key === null ? '-' : shownKey(key);
}

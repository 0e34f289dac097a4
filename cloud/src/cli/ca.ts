import type { X509Certificate } from 'node:crypto';
import { HawserError, keyHash } from '@hawser/protocol';
import { type Command, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { type CaAdministration, type CaReport, createCaAdministration, oneLine } from '../enroll/index.ts';
import { ADMINISTRATOR_HELP, type Administrator, addAdministrator, asAdministrator, refusedBy } from './administrator.ts';
import { devicesOf } from './devices.ts';
import type { CliIo, CommandGroup } from './io.ts';
import { leftBehind } from './left-behind.ts';

const STATUS_HELP = `
It reads the Secret hawser-ca and the ConfigMap of the same name, and shows nothing that is secret.

Examples:
  hawser-relay ca status
  hawser-relay ca status -n edge -o json | jq -r .current.validTo
${ADMINISTRATOR_HELP}`;

const HASH_HELP = `
The hash of the public key of the authority, for "hawser-agent join --ca-hash". It stands in the ConfigMap hawser-ca, without any secret.

Example:
  hawser-relay ca hash
${ADMINISTRATOR_HELP}`;

const ROTATE_HELP = `
Makes a new authority with a new key, which signs from then on, and drops the private key of the one before. That one stays trusted:
devices that have not heard of the new authority yet, or were away, go on verifying relays and being let in. The relays follow by
themselves and tell their devices, whose certificates are changed with their next renewal. Join lines that were printed before work on.

Two or more rotations may follow each other. When all devices have been renewed, after enroll.certificateHours at the latest, end what
is older with "hawser-relay ca retire"; until then each older authority makes handshakes some 400 bytes longer.

Examples:
  hawser-relay ca rotate
  hawser-relay ca rotate && hawser-relay ca status
${ADMINISTRATOR_HELP}`;

const RETIRE_HELP = `
Takes the older authorities out of what is trusted. Whoever knows only them, or has a certificate of theirs that was not renewed, is cut off
when it next connects, and has to join anew; so do join lines with their hashes end. It cannot be undone. Without --yes nothing is done,
and the devices are named whose last certificate is older than the current authority.

Examples:
  hawser-relay ca retire
  hawser-relay ca retire --yes
${ADMINISTRATOR_HELP}`;

/** `hawser-relay ca …` */
export const caCommands: CommandGroup = (program, io) => {
  const ca = program.command('ca').description('the authority that signs certificates of relays and devices');

  const status = ca
    .command('status')
    .description('show the authorities that are trusted, and when they end')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', STATUS_HELP);
  addAdministrator(status).action(({ output }: { output: string }) =>
    asked(status, io, async (authority) => {
      const report = await authority.status();
      io.write(output === 'json' ? `${JSON.stringify(shown(report), null, 2)}\n` : inText(report, systemClock.now()));
    }),
  );

  const hash = ca.command('hash').description('print what --ca-hash of a join takes').addHelpText('after', HASH_HELP);
  addAdministrator(hash).action(() =>
    asked(hash, io, async (authority) => {
      const [newest] = (await authority.published()).certificates;
      if (newest !== undefined) io.write(`${keyHash(newest.publicKey)}\n`);
    }),
  );

  const rotate = ca
    .command('rotate')
    .description('make a new authority beside the one there is')
    .addHelpText('after', ROTATE_HELP);
  addAdministrator(rotate).action(() =>
    asked(rotate, io, async (authority) => {
      const { certificate, older } = await authority.rotate();
      io.write(`${oneLine(certificate)} signs from now on, ${keyHash(certificate.publicKey)}\n`);
      io.write(`still trusted until "hawser-relay ca retire": ${older.map(oneLine).join('; ')}\n`);
    }),
  );

  const retire = ca
    .command('retire')
    .description('stop trusting the authorities before the current one')
    .option('--yes', 'do it: it cannot be undone', false)
    .addHelpText('after', RETIRE_HELP);
  addAdministrator(retire).action(({ yes }: { yes: boolean }) =>
    asked(retire, io, async (authority, administrator) => {
      const { older, madeAt } = await authority.status();
      if (!yes && older.length > 0) {
        const behind = madeAt === undefined ? [] : leftBehind(await devicesOf(administrator).devices(), madeAt);
        throw new HawserError('bad_config', warning(older, behind));
      }
      const gone = await authority.retire();
      io.write(
        gone.length === 0
          ? 'there is no older authority\n'
          : gone.map((one) => `${oneLine(one)} is no longer trusted\n`).join(''),
      );
    }),
  );
};

function asked(
  command: Command,
  io: CliIo,
  action: (authority: CaAdministration, administrator: Administrator) => Promise<void>,
): Promise<void> {
  return asAdministrator(command, io, (administrator) => {
    const { api, namespace } = administrator;
    return action(createCaAdministration({ api, namespace, clock: systemClock, refusedBy }), administrator);
  });
}

function warning(older: readonly X509Certificate[], behind: readonly string[]): string {
  return [
    `nothing was done. With --yes these are no longer trusted: ${older.map(oneLine).join('; ')}`,
    'Devices that have not been renewed since the rotation, or have not heard of it, are cut off and have to join anew.',
    ...behind,
  ].join('\n');
}

function shown({ source, current, older, published, relays }: CaReport): object {
  return { source, current: current === undefined ? null : fields(current), older: older.map(fields), published, relays };
}

function fields(certificate: X509Certificate): object {
  return {
    subject: oneLine(certificate),
    hash: keyHash(certificate.publicKey),
    validFrom: certificate.validFromDate.toISOString(),
    validTo: certificate.validToDate.toISOString(),
  };
}

const SOURCES: Readonly<Record<CaReport['source'], string>> = {
  secret: "the relays' own, in the Secret hawser-ca",
  operator: 'an issuer of the operator, by files of the relays',
  none: 'none yet: it is made when a relay starts',
};

function inText({ source, current, older, published, relays }: CaReport, now: Date): string {
  const lines = (certificate: X509Certificate, what: string) => [
    `${what}: ${oneLine(certificate)}`,
    `  hash   ${keyHash(certificate.publicKey)}`,
    `  valid  ${certificate.validFromDate.toISOString()} to ${certificate.validToDate.toISOString()}${
      certificate.validToDate <= now ? ', ended' : ''
    }`,
  ];
  return [
    `authority: ${SOURCES[source]}`,
    ...(current === undefined ? [] : lines(current, 'current')),
    ...older.flatMap((certificate) => lines(certificate, 'older, still trusted')),
    ...(published ? [] : ['not published yet: no relay has taken it up']),
    `relays in join lines: ${relays.length === 0 ? "none: set the relays' enroll.relays" : relays.join(', ')}`,
    '',
  ].join('\n');
}

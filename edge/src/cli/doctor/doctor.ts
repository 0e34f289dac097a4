import { printable } from '@hawser/settings';
import type { Settings } from '../../ops/settings.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { readIdentity } from './identity.ts';
import { findAgent } from './probes/agent.ts';
import { runChecks } from './run-checks.ts';
import { checksOf } from './scene-checks.ts';
import type { NamedFinding } from './types.ts';

/** What `hawser-agent doctor -o json` prints. */
export interface DoctorReport {
  readonly version: string;
  readonly dataDir: string;
  /** The file of the settings; null where there is none. */
  readonly config: string | null;
  /** RFC 3339. */
  readonly time: string;
  /** Whether nothing is a problem. */
  readonly ok: boolean;
  readonly findings: readonly NamedFinding[];
}

export interface DoctorRequest {
  readonly settings: Settings;
  /** The file that they are from, where there is one. */
  readonly config: string | undefined;
  readonly output: 'text' | 'json';
  /** Of this program. */
  readonly version: string;
}

/** To the start of the line, and away with what stands there (ECMA-48: EL). */
const WIPE = '\r\x1b[K';

/** Looks at all that a device needs to be linked and to stay so, and says what to do. @throws CommandFailure where something is wrong */
export async function doctor({ settings, config, output, version }: DoctorRequest, io: CliIo): Promise<void> {
  const interrupted = io.interrupted();
  const { dataDir } = settings;
  const progress = (text: string) => {
    if (io.isTerminal === true) io.writeError(text);
  };
  progress('looking at the agent …');
  const { agent, facts } = await findAgent(dataDir, version);
  const checks = checksOf({
    ...{ settings, config, version, agent, facts, now: io.now, credentials: io.env.CREDENTIALS_DIRECTORY },
    identity: readIdentity(settings),
    reached: new Map(),
    shown: new Map(),
  });
  const findings = await runChecks(checks, interrupted, {
    onBegin: ({ name }) => progress(`${WIPE}looking at ${name} …`),
    onFindings(found) {
      progress(WIPE);
      if (output === 'text') io.write(found.map(describe).join(''));
    },
  });
  progress(WIPE);
  if (interrupted.aborted) throw new CommandFailure(EXIT.interrupted, 'interrupted: not all was looked at');
  const problems = findings.filter(({ level }) => level === 'problem').length;
  const report: DoctorReport = {
    version,
    dataDir,
    config: config ?? null,
    time: io.now().toISOString(),
    ok: problems === 0,
    findings,
  };
  if (output === 'json') io.write(`${JSON.stringify(report, null, 2)}\n`);
  if (problems > 0) throw new CommandFailure(EXIT.failed, `${problems} ${problems === 1 ? 'problem' : 'problems'}`);
}

const LEVEL_WIDTH = 'problem'.length;
const NAME_WIDTH = 'certificate'.length;

/** `problem  tls          wss://relay: …`, and below it what to do. */
function describe({ level, check, subject, text, remedy }: NamedFinding): string {
  // Certificates, proxies and relays have their words in it.
  const said = printable(`${subject === null ? '' : `${subject}: `}${text}`);
  const line = `${level.padEnd(LEVEL_WIDTH)}  ${check.padEnd(NAME_WIDTH)}  ${said}\n`;
  return remedy === null ? line : `${line}${''.padEnd(LEVEL_WIDTH + NAME_WIDTH + 4)}→ ${printable(remedy)}\n`;
}

import { existsSync } from 'node:fs';

/** What was given to a command, and says with which settings the agent is to run. */
export interface StartFlags {
  readonly config?: string;
  readonly dataDir?: string;
}

const UNIT = 'hawser-agent.service';
/** Of the package, and of who wrote one (systemd.unit(5)). */
const UNIT_FOLDERS = ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system'];
/** There while systemd is what runs the machine (sd_booted(3)). */
const BOOTED = '/run/systemd/system';
/** Of the package's unit. */
const UNIT_FILES: StartFlags = { config: '/etc/hawser/agent.yaml', dataDir: '/var/lib/hawser' };

/** What starts the agent with the same settings: the unit of systemd, where there is one and nothing else was said, or `hawser-agent run`. */
export function startCommand(flags: StartFlags, exists: (path: string) => boolean = existsSync): string {
  const { config = UNIT_FILES.config, dataDir = UNIT_FILES.dataDir } = flags;
  const isUnits = config === UNIT_FILES.config && dataDir === UNIT_FILES.dataDir;
  if (isUnits && exists(BOOTED) && UNIT_FOLDERS.some((folder) => exists(`${folder}/${UNIT}`)))
    return 'systemctl start hawser-agent';
  return [
    'hawser-agent run',
    ...(flags.config === undefined ? [] : ['--config', flags.config]),
    ...(flags.dataDir === undefined ? [] : ['--data-dir', flags.dataDir]),
  ].join(' ');
}

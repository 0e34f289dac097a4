import { execFile } from 'node:child_process';
import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { HawserError } from '@hawser/protocol';
import { readSettingsFile } from '@hawser/settings';
import { EXTERNAL_KUBELET } from '../../ops/settings.ts';
import { checkArguments, kubeletArguments, requirePlainPath } from './arguments.ts';
import { findKubelet } from './find.ts';
import { kubeletHost } from './host.ts';
import { parseOverride, withOverride } from './override.ts';
import { type KubeletPaths, kubeletPaths } from './paths.ts';
import { type Fields, kubeletConfiguration } from './template.ts';
import { parseVersion, SUPPORTED_VERSIONS } from './versions.ts';

export interface KubeletSettings {
  readonly path?: string | undefined;
  readonly config?: string | undefined;
  readonly args?: readonly string[] | undefined;
}

export interface KubeletProgram {
  readonly path: string;
  /** Asked once for each file, as long as that stays the same. @throws HawserError `bad_config` for one that is not started */
  version(): Promise<string>;
}

/** What there is to know before a kubelet is started. */
export interface KubeletPlan {
  readonly paths: KubeletPaths;
  /** Undefined: it is left to systemd. */
  readonly program: KubeletProgram | undefined;
  readonly args: readonly string[];
  /** Its configuration, with the operator's part as it is now. @throws HawserError `bad_config` */
  readonly configuration: () => Fields;
}

/** Of `kubelet --version`: it starts and prints a line. A slow SD card takes some seconds to read 60 MB. In milliseconds. */
const VERSION_TIMEOUT_MS = 20_000;
const VERSION_MOST_BYTES = 4_096;

/**
 * Checks settings, finds the program and asks for its version.
 * @throws HawserError `bad_config`
 */
export async function planKubelet(
  { path, config, args = [] }: KubeletSettings,
  {
    dataDir,
    nodeName,
    searchPath,
  }: { readonly dataDir: string; readonly nodeName: string; readonly searchPath: string | undefined },
): Promise<KubeletPlan> {
  requirePlainPath(resolve(dataDir));
  const paths = kubeletPaths(dataDir);
  const plan: KubeletPlan = {
    paths,
    program: path === EXTERNAL_KUBELET ? undefined : programAt(findKubelet(path, searchPath)),
    args: kubeletArguments(paths, nodeName, checkArguments(args)),
    configuration: () => {
      const template = kubeletConfiguration(paths, kubeletHost());
      return config === undefined ? template : withOverride(template, readOverride(config), config);
    },
  };
  // What is wrong in the operator's file is told before anything starts.
  plan.configuration();
  await plan.program?.version();
  return plan;
}

function readOverride(path: string): Fields {
  return parseOverride(readSettingsFile(path, 'kubelet.config').text, path);
}

function programAt(path: string): KubeletProgram {
  let known: { readonly file: string; readonly version: string } | undefined;
  return {
    path,
    async version() {
      const file = identityOf(statSync(path));
      if (known?.file !== file) known = { file, version: await checkedVersion(path) };
      return known.version;
    },
  };
}

/** Another after an upgrade. */
function identityOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [ino, size, mtimeMs, ctimeMs].join(' ');
}

async function checkedVersion(program: string): Promise<string> {
  const said = await promisify(execFile)(program, ['--version'], {
    timeout: VERSION_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: VERSION_MOST_BYTES,
    env: {},
  }).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message.slice(0, VERSION_MOST_BYTES) : String(cause);
    throw new HawserError('bad_config', `kubelet.path: ${program} does not say its version: ${why}`, { cause });
  });
  const version = parseVersion(said.stdout);
  if (version === undefined) {
    throw new HawserError(
      'bad_config',
      `kubelet.path: ${program} is no kubelet: --version says ${JSON.stringify(said.stdout.slice(0, 80))}`,
    );
  }
  if (!version.isSupported) {
    throw new HawserError(
      'bad_config',
      `kubelet.path: ${program} is ${version.text}, and kubelets of ${SUPPORTED_VERSIONS} are started: install one of these, or name another with --kubelet PATH`,
    );
  }
  return version.text;
}

import { HawserError } from '@hawser/protocol';
import {
  addCompletion,
  addSettings,
  type CompletionOptions,
  describeSettings,
  environmentName,
  printable,
  sourcesOf,
} from '@hawser/settings';
import { Command, CommanderError } from 'commander';
import { type CliIo, COMMAND_GROUPS, CONFIG_PLACE, EXIT } from '../cli/index.ts';
import { type Config, resolveConfig, SETTINGS } from './settings.ts';

export interface CliOptions extends CliIo {
  readonly version: string;
  /** Runs the relay to its end. @throws HawserError */
  readonly run: (config: Config) => Promise<void>;
}

const HELP = `
Each command has its own help, with examples: "hawser-relay help nodes".

Examples:
  hawser-relay run --config /etc/hawser/relay.yaml                  # in a pod: deploy/chart
  hawser-relay token create --node-name truck-17 --single-use      # the line with which a device joins
  hawser-relay nodes -w                                             # who is linked, and what changes
  hawser-relay node truck-17                                        # what one device lacks, refused, has still to tell
`;

const EXAMPLES = `
Every setting is a flag, a variable (${environmentName('link.port')}) or a line of the file ("link: {port: 8443}").
Flags are stronger than variables, variables than the file, the file than defaults. The file is the one of --config, of HAWSER_RELAY_CONFIG,
or of HAWSER_CONFIG, which agents read too.

Examples:
  hawser-relay run --config /etc/hawser/relay.yaml
  hawser-relay run --kubeconfig ~/.kube/config --tls-cert relay.crt --tls-key relay.key --tls-client-ca ca.crt
  HAWSER_LOG_LEVEL=debug hawser-relay run --config relay.yaml --link-port 0 --ops-address 127.0.0.1
  hawser-relay config --config relay.yaml     shows the settings as they would be used

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start or go on, 2 wrong command line or settings.
`;

const COMPLETION: CompletionOptions = {
  fileFlags: ['--config', '--kubeconfig', '--tls-cert', '--tls-key', '--tls-client-ca', '--issuer-cert', '--issuer-key', '--ca'],
};

/** Runs one command line, without the first two words of argv. @returns the exit code */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const program = new Command('hawser-relay')
    .description('Watches a Kubernetes API server and serves each edge device what it needs, over one link.')
    .version(options.version)
    .addHelpText('after', HELP)
    .configureOutput({ writeOut: options.write, writeErr: options.writeError })
    .exitOverride();
  withSettings(program.command('run').description('run the relay until SIGTERM or SIGINT'), options.env, options.run);
  withSettings(
    program.command('config').description('print the settings as they would be used; no keys are read'),
    options.env,
    ({ settings }) => options.write(describeSettings(settings)),
  );
  for (const add of COMMAND_GROUPS) add(program, options);
  program
    .command('version')
    .description('print the version')
    .addHelpText('after', '\nExample:\n  hawser-relay version')
    .action(() => options.write(`hawser-relay ${options.version}\n`));
  addCompletion(program, COMPLETION, options.write);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof HawserError)) throw error;
    options.writeError(
      error.message
        .split('\n')
        .map((line) => `hawser-relay: ${printable(line)}\n`)
        .join(''),
    );
    return error.code === 'bad_config' ? EXIT.usage : EXIT.failed;
  }
}

function withSettings(command: Command, env: CliOptions['env'], action: (config: Config) => Promise<void> | void): void {
  addSettings(command, SETTINGS, CONFIG_PLACE)
    .addHelpText('after', EXAMPLES)
    .action(() => action(resolveConfig(sourcesOf(command, SETTINGS, env, CONFIG_PLACE))));
}

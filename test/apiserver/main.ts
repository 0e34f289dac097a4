import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { pino } from 'pino';
import { loadOrCreateCredentials } from './credentials.ts';
import { MemoryStorage } from './memory-storage.ts';
import { type EmbeddedApiServer, startEmbeddedApiServer } from './server.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

const HIGHEST_PORT = 65_535;

interface Arguments {
  readonly dir: string;
  readonly port: number;
  readonly data?: string;
  readonly faults: boolean;
  readonly counts: boolean;
  readonly olderImpersonation: boolean;
  readonly bare: boolean;
}

const program = new Command('embedded-apiserver')
  .description('A Kubernetes API server for tests and the demonstration. Objects live in memory.')
  .requiredOption('--dir <folder>', 'keys, tokens and kubeconfigs go there; those of an earlier run are used again')
  .option('--port <number>', 'port on 127.0.0.1; 0 takes a free one', parsePort, 0)
  .option('--data <file>', 'for tests of a restart: load the objects from this file, write them to it on SIGTERM and SIGINT')
  .option('--faults', 'answer POST /-/faults with the administrator token', false)
  .option(
    '--counts',
    'count requests and changes, and answer GET /-/requests, /-/requests/rates and /-/changes with the administrator token',
    false,
  )
  .option('--older-impersonation', 'as a server before Kubernetes 1.36, which has no constrained impersonation', false)
  .option('--bare', "without the relay's namespace and rights, which are then for you to apply", false);
program.parse();
await run(program.opts<Arguments>());

async function run(options: Arguments): Promise<void> {
  const logger = pino({ name: 'apiserver' }, pino.destination({ dest: 2, sync: true }));
  let server: EmbeddedApiServer;
  let kubeconfig: string;
  try {
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    server = await startEmbeddedApiServer({
      port: options.port,
      credentials: await loadOrCreateCredentials(options.dir),
      storage: options.data === undefined ? new MemoryStorage() : await readSnapshot(options.data),
      faultEndpoint: options.faults,
      countRequests: options.counts,
      relay: options.bare ? 'applied' : 'manifests',
      impersonation: options.olderImpersonation ? 'groups' : 'constrained',
      logger,
    });
    kubeconfig = await writeConfig(options.dir, 'kubeconfig', server.kubeconfig('admin'));
    await writeConfig(options.dir, 'relay.kubeconfig', server.kubeconfig('relay'));
  } catch (error) {
    process.stderr.write(`embedded-apiserver: ${explain(error, options)}\n`);
    process.exitCode = 1;
    return;
  }
  // Before the line that says ready: whoever reads it may stop this process at once.
  const stop = () => {
    end(server, options.data).catch((error: unknown) => {
      process.stderr.write(`embedded-apiserver: ${explain(error, options)}\n`);
      process.exitCode = 1;
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ url: server.url, kubeconfig })}\n`);
}

async function end(server: EmbeddedApiServer, data: string | undefined): Promise<void> {
  await server.close();
  if (data !== undefined) await writeSnapshot(server.storage, data);
}

async function writeConfig(folder: string, name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

function explain(error: unknown, options: Arguments): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `port ${options.port} is in use: stop what listens there, or give another --port`;
  }
  return error.message;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > HIGHEST_PORT) {
    throw new InvalidArgumentError(`a port is a whole number from 0 to ${HIGHEST_PORT}`);
  }
  return port;
}

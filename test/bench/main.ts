/** `npm run bench`: how fast, how small and how large, measured on this machine. */
import { measureAgentStart } from './agent-start.ts';
import type { BenchContext } from './context.ts';
import { measureFanout } from './fanout/fanout.ts';
import { measureLeases } from './leases/leases.ts';
import { measureLocal } from './local/local.ts';
import { type BenchOptions, HELP, readOptions, UsageError } from './options.ts';
import { measurePackage } from './package/package.ts';
import { jsonOf, type Report, tableOf } from './report.ts';
import { measureSync } from './sync/sync.ts';
import { measureUpstream } from './upstream/upstream.ts';
import { profileFlags, withWorkspace } from './workspace.ts';

const EXIT = { measured: 0, failed: 1, usage: 2, stopped: 130 } as const;

const started = performance.now();
function say(line: string): void {
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
}

function measure(options: BenchOptions, context: BenchContext): Promise<Report> {
  switch (options.benchmark) {
    case 'sync':
      return measureSync(options, context);
    case 'fanout':
      return measureFanout(options, context);
    case 'upstream':
      return measureUpstream(options, context);
    case 'leases':
      return measureLeases(options, context);
    case 'local':
      return measureLocal(options, context);
    case 'agent':
      return measureAgentStart(options, context);
    case 'package':
      return measurePackage(options, context);
  }
}

async function main(): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return EXIT.usage;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return EXIT.measured;
  }
  const asked = options;
  const stopping = new AbortController();
  let isStopped = false;
  // A fault in the benchmark itself must not leave processes behind.
  process.once('uncaughtException', (error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    stopping.abort(error);
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Once is not enough: npm passes on what the terminal has sent to both. The end itself takes some seconds at most.
    process.on(name, () => {
      if (isStopped) return;
      say(`${name}: ending what was started`);
      isStopped = true;
      stopping.abort(new Error('stopped'));
    });
  }
  try {
    const report = await withWorkspace((workspace) =>
      measure(asked, { ...workspace, nodeFlags: profileFlags(asked.profile), agentFlags: {}, signal: stopping.signal, say }),
    );
    const table = tableOf(report);
    if (options.json) process.stderr.write(`\n${table}`);
    process.stdout.write(options.json ? `${jsonOf(report)}\n` : table);
    return EXIT.measured;
  } catch (error) {
    if (isStopped) return EXIT.stopped;
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    return EXIT.failed;
  }
}

process.exitCode = await main();

/** `npm run conformance`: whether an API server does what Kubernetes says of its HTTP API. */
import { CHECKS } from './checks/index.ts';
import { KubeconfigError } from './http/kubeconfig.ts';
import { HELP, parseOptions, UsageError } from './options.ts';
import { countsOf, jsonReport, textReport } from './report.ts';
import { NoServer, runChecks } from './run.ts';

const EXIT = { passed: 0, failed: 1, usage: 2, noServer: 3, stopped: 130 } as const;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return EXIT.passed;
  }
  if (options === 'list') {
    for (const { name, what } of CHECKS) process.stdout.write(`${name.padEnd(24)} ${what}\n`);
    return EXIT.passed;
  }
  const stopping = new AbortController();
  const stop = () => {
    process.stderr.write('removing what was made; once more to leave it\n');
    stopping.abort();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const run = await runChecks({ ...options, signal: stopping.signal, progress });
  process.stdout.write(options.output === 'json' ? jsonReport(run) : textReport(run));
  if (run.stopped) return EXIT.stopped;
  return countsOf(run).failed > 0 || run.left.length > 0 ? EXIT.failed : EXIT.passed;
}

try {
  process.exitCode = await main();
} catch (cause) {
  if (cause instanceof UsageError || cause instanceof KubeconfigError) {
    process.stderr.write(`conformance: ${cause.message}; --help has examples\n`);
    process.exitCode = EXIT.usage;
  } else if (cause instanceof NoServer) {
    process.stderr.write(`conformance: ${cause.message}\n`);
    process.exitCode = EXIT.noServer;
  } else throw cause;
}

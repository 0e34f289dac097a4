export { EXIT } from './exit.ts';
export { type CliOptions, runCli } from './program.ts';

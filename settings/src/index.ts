export { addSettings, sourcesOf } from './command.ts';
export { addCompletion } from './completion.ts';
export type { CompletionOptions } from './completion-words.ts';
export { readSettingsFile, type SettingsFile } from './file.ts';
export {
  createLogLevelControl,
  isLogLevel,
  LOG_LEVELS,
  type LogLevel,
  type LogLevelControl,
  type LogLevelState,
} from './log-level.ts';
export { type LongTimerOptions, startTimer } from './long-timer.ts';
export { pipeWriter } from './pipe-writer.ts';
export { printable } from './printable.ts';
export { describeSettings, findText, type Resolved, resolveSettings, resolveText, type Sources } from './resolve.ts';
export { file, filled, flag, logLevel, oneOf, port, sectionsOf, together, whole } from './schema.ts';
export { type ConfigPlace, environmentName, flagName, type Setting, setting } from './setting.ts';
export { parseYaml, parseYamlDocuments, YamlError, type YamlOptions } from './yaml.ts';

export { addSettings, sourcesOf } from './command.ts';
export { addCompletion, type CompletionOptions } from './completion.ts';
export { readSettingsFile, type SettingsFile } from './file.ts';
export { type LongTimerOptions, startTimer } from './long-timer.ts';
export { describeSettings, findText, type Resolved, resolveSettings, resolveText, type Sources } from './resolve.ts';
export { file, filled, flag, logLevel, oneOf, port, sectionsOf, together, whole } from './schema.ts';
export { environmentName, flagName, type Setting, setting } from './setting.ts';
export { parseYaml, parseYamlDocuments, YamlError, type YamlOptions } from './yaml.ts';

import { isJsonObject } from '@hawser/protocol';
import { isLogLevel, LOG_LEVELS, type LogLevelControl } from '@hawser/settings';
import type { OwnPath } from '../api/http/own-path.ts';
import { badRequest } from '../api/status.ts';

/** The local API's `/hawser/v1/log-level`: GET tells a `LogLevelState`, PUT takes `{"level": "debug"}`, or null for the setting's. */
export function createLogLevelPath(control: LogLevelControl): OwnPath {
  return {
    get: async () => control.state(),
    async put({ body }) {
      const level = isJsonObject(body) ? body.level : undefined;
      if (level === null) return control.set('configured');
      if (isLogLevel(level)) return control.set(level);
      throw badRequest(`level must be one of ${LOG_LEVELS.join(', ')}, or null for that of the setting logLevel`);
    },
  };
}

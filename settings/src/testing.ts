import assert from 'node:assert/strict';
import { HawserError } from '@hawser/protocol';
import * as v from 'valibot';
import { file, flag, oneOf, port, sectionsOf, whole } from './schema.ts';
import { type Setting, setting } from './setting.ts';

/** A schema and a table with each kind of setting, for tests. */
const section = sectionsOf('the test');

export const SCHEMA = section({
  mode: oneOf(['fast', 'safe']),
  isLoud: flag,
  note: v.optional(v.string('must be a text')),
  link: section({ port }),
  tls: section({ cert: file, clientCa: file }),
  relay: section({ urls: v.array(v.pipe(v.string(), v.startsWith('wss:', 'must begin with wss:')), 'must be a list') }),
  limits: section({ pingSeconds: whole(1, 9) }),
});

export const TABLE: readonly Setting[] = [
  setting.text('mode', 'safe', 'how'),
  setting.flag('isLoud', true, 'whether'),
  setting.text('note', undefined, 'why'),
  setting.number('link.port', 8443, 'where'),
  setting.text('tls.cert', undefined, 'who'),
  setting.text('tls.clientCa', undefined, 'by whom'),
  setting.list('relay.urls', 'to whom'),
  setting.number('limits.pingSeconds', 8, 'how often'),
];

/** The message of the `bad_config` that the work throws. */
export function complaintOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof HawserError && error.code === 'bad_config', String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
}

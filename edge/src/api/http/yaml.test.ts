import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { toYaml } from './yaml.ts';

const TEXTS = [
  ...['yes', 'No', 'on', 'OFF', 'y', 'N', 'true', 'False', 'null', '~', '', '=', '<<', '.inf', '-.INF', '.nan', 'nan', '+inf'],
  ...['012', '0o14', '0x1F', '0b1', '1_000', '12:30:00', '190:20:30.15', '1e3', '+.5', '-0', '1.', '.5', '+1', '1__0', '0x1p-2'],
  ...['2001-01-01', '2001-1-1', '2001-12-14t21:59:43.10-05:00', '2001-12-14 21:59:43.10 -5', '2026-11-26T18:38:29Z'],
  ...[
    '10.0.0.1',
    'fd00::1',
    '00000000-0000-4000-8000-000000000001',
    '-',
    '- x',
    '!x',
    '&a',
    '*a',
    '#x',
    'a: b',
    ' a',
    'a ',
    '...',
    '---',
  ],
  ...[
    'a\tb',
    'a\nb',
    'a\nb\n',
    '\r',
    'x\u0085y',
    'a\u2028b',
    '\ufeffa',
    'a\u009bb\nc',
    '\u007f',
    '\uffff',
    'ü',
    '\u{1f600}',
    '\\u0085',
    '"',
  ],
];

describe('YAML of the API', () => {
  it('is read alike as YAML 1.1 and 1.2, whatever texts and keys look like', async () => {
    const data = Object.fromEntries(TEXTS.map((text, index) => [`k${index}`, text]));
    const keys = Object.fromEntries(TEXTS.map((text) => [text, 'v']));
    const object = { kind: 'ConfigMap', data, keys, list: TEXTS, numbers: [1, -2, 1.5, 0, 1e21], yes: true, none: null };
    const text = await toYaml(object);
    for (const version of ['1.1', '1.2', 'next'] as const) assert.deepEqual(parse(text, { version }), object, version);
  });

  it('quotes for readers of Go what only they take for something else, and leaves plain what nobody does', async () => {
    const text = await toYaml({ a: 'y', b: '0o14', c: '0x1F', on: 'd', e: 'web-1', f: 'v1.2', g: 'app/x:1' });
    assert.equal(text, 'a: "y"\nb: "0o14"\nc: "0x1F"\ne: web-1\nf: v1.2\ng: app/x:1\n"on": d\n');
  });

  it('has no character that YAML does not allow, and no line break that is not one of JSON', async () => {
    assert.equal(await toYaml({ a: 'x\u0085y\u2028z\ufeff\u009b\nb' }), 'a: "x\\u0085y\\u2028z\\ufeff\\u009b\\nb"\n');
  });
});

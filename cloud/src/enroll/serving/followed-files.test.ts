import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { createFakeClock } from '../../apiserver/testing/fake-clock.ts';
import { until } from '../../apiserver/testing/until.ts';
import { type Followed, followFiles } from './followed-files.ts';

const LOOK_MS = 30_000;

/** Follows two files whose texts must be the same word. */
async function following(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-follow-'));
  t.after(() => rm(folder, { recursive: true }));
  const files = ['one', 'other'].map((name) => ({ setting: `tls.${name}`, path: join(folder, name) }));
  const clock = createFakeClock();
  const reads: string[] = [];
  const logs: string[] = [];
  const heard: string[] = [];
  const write = async (...texts: string[]) => {
    for (const [index, text] of texts.entries()) await writeFile(files[index]?.path ?? '', text);
  };
  return {
    folder,
    clock,
    reads,
    logs,
    heard,
    write,
    async follow(): Promise<Followed<string>> {
      const followed = await followFiles({
        files,
        async parse([one, other]) {
          if (one === 'odd') throw new TypeError('something unforeseen');
          if (one !== other || one === undefined) throw new HawserError('bad_config', `${one} is not ${other}`);
          return one;
        },
        clock,
        logger: pino({ level: 'error' }, { write: (line: string) => logs.push(JSON.parse(line).detail) }),
        onRead: (result) => reads.push(result),
      });
      t.after(() => followed.stop());
      followed.onChange(() => heard.push(followed.current()));
      return followed;
    },
    /** Lets the time of one look pass, and waits until the next is awaited. */
    async look() {
      await clock.pass(LOOK_MS);
      await until('the next look', () => clock.waits.includes(LOOK_MS));
    },
  };
}

test('files that change are read anew, and listeners are told once', async (t) => {
  const { write, follow, look, heard, reads } = await following(t);
  await write('first', 'first');
  const followed = await follow();
  assert.equal(followed.current(), 'first');
  await look();
  assert.deepEqual(heard, []);
  await write('second', 'second');
  await look();
  await look();
  assert.equal(followed.current(), 'second');
  assert.deepEqual(heard, ['second']);
  assert.deepEqual(reads, ['taken', 'taken']);
});

test('what is wrong later leaves in use what was before, is told once, and is taken when it is mended', async (t) => {
  const { folder, write, follow, look, heard, reads, logs } = await following(t);
  await write('first', 'first');
  const followed = await follow();
  await write('second');
  await look();
  await look();
  assert.equal(followed.current(), 'first');
  await unlink(join(folder, 'other'));
  await look();
  await look();
  assert.deepEqual(logs, ['second is not first', `tls.other: the file ${folder}/other is not there`]);
  assert.deepEqual(reads, ['taken', 'refused', 'refused']);
  await write('second', 'second');
  await look();
  assert.deepEqual(heard, ['second']);
});

test('what nobody has foreseen in a file leaves in use what was before, too', async (t) => {
  const { write, follow, look, logs } = await following(t);
  await write('first', 'first');
  const followed = await follow();
  await write('odd');
  await look();
  assert.equal(followed.current(), 'first');
  assert.deepEqual(logs, ['something unforeseen']);
});

test('files behind a symbolic link that moves, as in a pod, are followed', async (t) => {
  const { folder, write, follow, look, heard } = await following(t);
  await write('first', 'first');
  const inPod = async (text: string) => {
    await writeFile(join(folder, text), text);
    await symlink(text, join(folder, 'new'));
    await rename(join(folder, 'new'), join(folder, 'data'));
  };
  await inPod('first');
  for (const name of ['one', 'other']) {
    await unlink(join(folder, name));
    await symlink('data', join(folder, name));
  }
  await follow();
  await inPod('second');
  await look();
  assert.deepEqual(heard, ['second']);
});

test('at the start a file that is not there, or is no PEM file by its size, is named with its setting', async (t) => {
  const { folder, write, follow } = await following(t);
  await write('first');
  await assert.rejects(follow(), { code: 'bad_config', message: `tls.other: the file ${folder}/other is not there` });
  await write('first', 'x'.repeat(1024 * 1024 + 1));
  await assert.rejects(follow(), { code: 'bad_config', message: `tls.other: ${folder}/other is too large to be a PEM file` });
});

test('after the stop nothing is read', async (t) => {
  const { write, follow, clock } = await following(t);
  await write('first', 'first');
  (await follow()).stop();
  assert.deepEqual(clock.waits, []);
});

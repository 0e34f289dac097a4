import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { keySeal, PLAIN } from '../store/index.ts';
import { type KeySource, keySourceOf, prepareNext, readingSealOf, readKey, sealOf, settleNext } from './store-key.ts';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const NAME = keySeal(KEY).name;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'hawser-key-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function fileOf(t: TestContext, content: string | Uint8Array, mode = 0o600): string {
  const path = join(folder(t), 'key');
  writeFileSync(path, content, { mode: 0o600 });
  chmodSync(path, mode);
  return path;
}

function complaint(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof HawserError && error.code === 'bad_config');
    return error.message;
  }
  return 'none';
}

const fromFile = (path: string) => readKey({ type: 'file', path });
const generated = (dataDir: string) => {
  const source = keySourceOf(undefined, dataDir, undefined);
  assert.ok(source.type === 'generated');
  return source;
};

describe('the setting store.key', () => {
  it('names a file in the data folder, a file, a credential of systemd, or nothing', () => {
    const of = (key: string | undefined) => keySourceOf(key, '/data', '/run/credentials/hawser.service');
    const expected: readonly KeySource[] = [
      { type: 'generated', path: '/data/store.key', next: '/data/store.key.next' },
      { type: 'none' },
      { type: 'file', path: '/run/hawser/store.key' },
      { type: 'credential', path: '/run/credentials/hawser.service/store-key' },
    ];
    assert.deepEqual([undefined, 'none', '/run/hawser/store.key', 'credential:store-key'].map(of), expected);
  });

  it('leads out of no folder, and says where credentials come from', () => {
    for (const key of ['credential:', 'credential:../x', 'credential:a/b', 'credential:.hidden']) {
      assert.match(
        complaint(() => keySourceOf(key, '/data', '/run/c')),
        /names no credential/,
      );
    }
    for (const none of [undefined, '']) {
      assert.match(
        complaint(() => keySourceOf('credential:k', '/data', none)),
        /LoadCredentialEncrypted=/,
      );
    }
  });
});

describe('a key file', () => {
  it('holds 32 bytes, or hex or base64 of them, with the end of the line or without', (t) => {
    const texts = [KEY.toString('hex'), KEY.toString('hex').toUpperCase(), KEY.toString('base64'), KEY.toString('base64url')];
    const contents = [KEY, ...texts.flatMap((text) => [text, `${text}\n`, `${text}\r\n`])];
    for (const content of contents) assert.deepEqual(fromFile(fileOf(t, content)), KEY);
  });

  it('that holds anything else is refused without a word of what is in it', (t) => {
    const contents = [
      '',
      KEY.subarray(1),
      Buffer.concat([KEY, Buffer.alloc(1)]),
      'correct horse battery staple 123', // 32 characters
      KEY.toString('hex').slice(2),
      `${KEY.toString('hex')} ${KEY.toString('hex')}`,
      'x'.repeat(100_000),
      Buffer.alloc(32),
      Buffer.alloc(32, 0xff),
    ];
    for (const content of contents) {
      const path = fileOf(t, content);
      const message = complaint(() => fromFile(path));
      assert.match(message, /^store\.key: .*no key/);
      assert.ok(message.includes(path));
      for (const part of ['correct', 'xxx', KEY.toString('hex').slice(8, 20)]) assert.ok(!message.includes(part));
    }
  });

  it('that others may read is refused with the command that mends it', (t) => {
    for (const mode of [0o640, 0o604, 0o644, 0o660, 0o777]) {
      const path = fileOf(t, KEY, mode);
      const message = complaint(() => fromFile(path));
      assert.ok(message.endsWith(`To mend: chmod 600 ${path}`), message);
      chmodSync(path, 0o600);
      assert.deepEqual(fromFile(path), KEY);
    }
  });

  it('may be a link, and what it leads to is looked at', (t) => {
    const [good, bad] = [fileOf(t, KEY), fileOf(t, KEY, 0o644)];
    const link = join(folder(t), 'link');
    symlinkSync(good, link);
    assert.deepEqual(fromFile(link), KEY);
    rmSync(link);
    symlinkSync(bad, link);
    assert.match(
      complaint(() => fromFile(link)),
      /chmod 600/,
    );
  });

  it('that is not there, or is no file, is named', (t) => {
    const path = folder(t);
    assert.match(
      complaint(() => fromFile(join(path, 'none'))),
      /key file .*none is not there/,
    );
    assert.match(
      complaint(() => fromFile(path)),
      /cannot be read|is not a file|has mode/,
    );
  });

  it('of a credential has the modes that systemd gives it', (t) => {
    const path = fileOf(t, KEY, 0o440);
    assert.deepEqual(readKey({ type: 'credential', path }), KEY);
  });
});

describe('a generated key', () => {
  it('is made once, of 32 bytes with mode 0600, whatever the umask', (t) => {
    const dir = folder(t);
    const source = generated(dir);
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    const { name } = sealOf(source)(undefined);
    const stats = statSync(source.path);
    assert.deepEqual([stats.mode & 0o777, stats.size], [0o600, 32]);
    assert.equal(sealOf(source)(name).name, name);
    assert.equal(readingSealOf(source)(name).name, name);
  });

  it('is not made in place of one that is lost: the store says which', (t) => {
    const source = generated(folder(t));
    const message = complaint(() => sealOf(source)(NAME));
    assert.match(message, new RegExp(`store\\.key is not there, .*key ${NAME.slice(-16)}.*drop-secrets`));
    assert.equal(existsSync(source.path), false);
    assert.notEqual(sealOf(source, 'anew')(NAME).name, NAME);
  });

  it('that is damaged, open to others or a link is refused', (t) => {
    const source = generated(folder(t));
    writeFileSync(source.path, 'damaged', { mode: 0o600 });
    assert.match(
      complaint(() => sealOf(source)(undefined)),
      /holds no key/,
    );
    writeFileSync(source.path, KEY);
    chmodSync(source.path, 0o640);
    assert.match(
      complaint(() => sealOf(source)(undefined)),
      /chmod 600/,
    );
    rmSync(source.path);
    symlinkSync(fileOf(t, KEY), source.path);
    assert.match(
      complaint(() => sealOf(source)(undefined)),
      /symbolic link/,
    );
  });

  it('whose replacement was interrupted is the one that the store needs, before or after', (t) => {
    const source = generated(folder(t));
    const first = sealOf(source)(undefined).name;
    const second = prepareNext(source).name;
    // Ended before the store lay under the second.
    assert.equal(readingSealOf(source)(first).name, first);
    assert.equal(sealOf(source)(first).name, first);
    assert.equal(existsSync(source.next), false);
    // And behind that.
    const third = prepareNext(source).name;
    assert.notEqual(third, second);
    assert.equal(readingSealOf(source)(third).name, third);
    assert.equal(sealOf(source)(third).name, third);
    assert.equal(existsSync(source.next), false);
    assert.equal(keySeal(readFileSync(source.path)).name, third);
    settleNext(source, third);
  });
});

it('without a key nothing is sealed', () => assert.equal(sealOf({ type: 'none' })(undefined), PLAIN));

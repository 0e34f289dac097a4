import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createPrivateFile, writePrivateFile } from './private-files.ts';
import { preparePrivateFolder, requirePrivateFile, requireUnreadableByOthers } from './private-modes.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'hawser-private-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;
const isRoot = process.geteuid?.() === 0;

function withUmask(t: TestContext, mask: number): void {
  const before = process.umask(mask);
  t.after(() => process.umask(before));
}

describe('a private folder', () => {
  it('is made with mode 0700, and those above it too, whatever the umask', (t) => {
    withUmask(t, 0);
    const path = join(folder(t), 'a', 'b');
    preparePrivateFolder(path);
    assert.deepEqual([modeOf(path), modeOf(join(path, '..'))], [0o700, 0o700]);
  });

  it('that others or a group may enter is refused with the command that mends it', (t) => {
    for (const mode of [0o750, 0o705, 0o755, 0o777, 0o710]) {
      const path = folder(t);
      chmodSync(path, mode);
      assert.throws(() => preparePrivateFolder(path), { code: 'bad_config', message: new RegExp(`To mend: chmod 700 ${path}$`) });
      chmodSync(path, 0o700);
      preparePrivateFolder(path);
    }
  });

  it('may be a link to one: what it leads to is looked at', (t) => {
    const [target, link] = [folder(t), join(folder(t), 'link')];
    symlinkSync(target, link);
    preparePrivateFolder(link);
    chmodSync(target, 0o755);
    assert.throws(() => preparePrivateFolder(link), /chmod 700/);
  });
});

describe('a private file', () => {
  it('is written whole with mode 0600 in place of what was there, also of what an ended process has left', (t) => {
    withUmask(t, 0);
    const path = join(folder(t), 'file');
    writeFileSync(`${path}.${process.pid}.new`, 'half of', { mode: 0o666 });
    for (const text of ['one', 'two']) {
      writePrivateFile(path, text);
      assert.deepEqual([readFileSync(path, 'utf8'), modeOf(path)], [text, 0o600]);
    }
    assert.deepEqual(readdirSync(join(path, '..')), ['file']);
  });

  it('is written beside a link that stands in its way, and not through it', (t) => {
    const dir = folder(t);
    const [path, elsewhere] = [join(dir, 'file'), join(folder(t), 'elsewhere')];
    symlinkSync(elsewhere, `${path}.${process.pid}.new`);
    writePrivateFile(path, 'text');
    assert.throws(() => statSync(elsewhere), { code: 'ENOENT' });
  });

  it('is created once: who comes second finds what the first has written', (t) => {
    const path = join(folder(t), 'file');
    assert.equal(createPrivateFile(path, 'first'), true);
    assert.equal(createPrivateFile(path, 'second'), false);
    assert.deepEqual([readFileSync(path, 'utf8'), modeOf(path)], ['first', 0o600]);
    assert.deepEqual(readdirSync(join(path, '..')), ['file']);
  });

  it('that others may read, a link or a folder is refused; one that is not there is not', (t) => {
    const path = join(folder(t), 'file');
    requirePrivateFile(path);
    writeFileSync(path, '', { mode: 0o600 });
    requirePrivateFile(path);
    for (const mode of [0o640, 0o604, 0o644, 0o620]) {
      chmodSync(path, mode);
      assert.throws(() => requirePrivateFile(path), { code: 'bad_config', message: new RegExp(`To mend: chmod 600 ${path}$`) });
    }
    rmSync(path);
    symlinkSync('/dev/null', path);
    assert.throws(() => requirePrivateFile(path), /symbolic link/);
    rmSync(path);
    mkdirSync(path, { mode: 0o700 });
    assert.throws(() => requirePrivateFile(path), /is not a file/);
  });

  it('of another user is refused with the command that mends it', {
    skip: isRoot ? false : 'only root can give files away',
  }, (t) => {
    const path = join(folder(t), 'file');
    writeFileSync(path, '', { mode: 0o600 });
    chownSync(path, 12_345, 0);
    for (const look of [requirePrivateFile, requireUnreadableByOthers]) {
      assert.throws(() => look(path), { code: 'bad_config', message: new RegExp(`To mend: chown 0 ${path}$`) });
    }
  });

  it('of root may be read by the group of a service that runs as another user', { skip: isRoot ? false : 'needs root' }, (t) => {
    const path = join(folder(t), 'file');
    writeFileSync(path, '', { mode: 0o640 });
    const before = process.geteuid?.() ?? 0;
    chmodSync(join(path, '..'), 0o711);
    process.seteuid?.(12_345);
    try {
      requireUnreadableByOthers(path);
    } finally {
      process.seteuid?.(before);
    }
    chmodSync(path, 0o644);
    assert.throws(() => requireUnreadableByOthers(path), /chmod 600/);
  });
});

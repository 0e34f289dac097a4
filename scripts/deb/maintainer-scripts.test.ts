import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const SCRIPTS = join(import.meta.dirname, '..', '..', 'deploy', 'debian');

/** A folder in which the script runs as if it were the root: its paths are changed, and it finds only harmless programs. */
function scene(t: TestContext, programs: Readonly<Record<string, string>> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'hawser-maintainer-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const bin = join(root, 'bin');
  for (const folder of ['bin', 'etc/hawser', 'var/lib', 'var/cache']) mkdirSync(join(root, folder), { recursive: true });
  for (const name of ['rm', 'readlink', 'cut', 'grep', 'stat']) {
    symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), join(bin, name));
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const prepared = (script: string) => {
    const text = readFileSync(join(SCRIPTS, script), 'utf8').replaceAll(
      /\/(?=var\/(lib|cache)\/hawser|etc\/hawser|run\/systemd)/g,
      `${root}/`,
    );
    writeFileSync(join(root, script), text);
    return join(root, script);
  };
  return { root, bin, data: join(root, 'var/lib/hawser'), prepared };
}

test('a purge removes what is there, and of a link the link alone', (t) => {
  const { root, bin, data, prepared } = scene(t);
  mkdirSync(join(root, 'elsewhere'));
  writeFileSync(join(root, 'elsewhere', 'file'), '');
  symlinkSync(join(root, 'elsewhere'), data);
  const { status, stderr } = spawnSync('/bin/sh', [prepared('postrm'), 'purge'], { env: { PATH: bin }, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  assert.deepEqual(
    [data, join(root, 'etc/hawser'), join(root, 'elsewhere', 'file')].map((path) => existsSync(path)),
    [false, false, true],
  );
});

test('a purge leaves a folder in which a volume is mounted, also one that is bound from the same disk, and says where', (t) => {
  const { root, bin, data, prepared } = scene(t);
  const [disk, volume] = [join(root, 'disk'), join(data, 'kubelet/pods/1/volumes/local')];
  for (const folder of [disk, volume]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(disk, 'database'), 'years of somebody’s work');
  // Mounts in a namespace of their own, which ends with it.
  const inside = 'mount --bind "$1" "$2" && PATH="$3" exec /bin/sh "$4" purge';
  const args = ['--mount', 'sh', '-c', inside, 'sh', disk, volume, bin, prepared('postrm')];
  if (spawnSync('unshare', ['--mount', 'sh', '-c', 'mount --bind "$1" "$2"', 'sh', disk, volume]).status !== 0) {
    return t.skip('this takes root, and a kernel that lets it mount');
  }
  const { status, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  assert.equal(existsSync(join(disk, 'database')), true);
  assert.equal(status, 0);
  assert.ok(stderr.includes(`${data} is left, as something is mounted at ${volume}: unmount it`), stderr);
  assert.equal(existsSync(join(root, 'etc/hawser')), false, 'the others are removed');
});

test('a user hawser that was there before gets the group that it lacks, and a person’s number is said', (t) => {
  const { root, bin, prepared } = scene(t, {
    getent: 'if [ "$1" = group ]; then exit 2; fi; echo hawser:x:1000:1000:Hanna Hawser:/home/hanna:/bin/sh',
    addgroup: 'echo "addgroup $*" >> "$LOG"',
    adduser: 'echo "adduser $*" >> "$LOG"',
    install: 'echo "install $*" >> "$LOG"',
  });
  rmSync(join(root, 'etc'), { recursive: true });
  const env = { PATH: bin, LOG: join(root, 'log') };
  const { status, stderr } = spawnSync('/bin/sh', [prepared('postinst'), 'configure', ''], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(readFileSync(env.LOG, 'utf8'), /^addgroup --system --quiet hawser\ninstall -d .*\n$/);
  assert.match(stderr, /the user hawser was there already, with the number 1000 of a person/);
});

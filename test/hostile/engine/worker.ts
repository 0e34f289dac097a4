/** The process that fuzzes: what it dies of, and what it hangs in, its parent sees. */
import { readCorpus } from './corpus.ts';
import { CurrentInput } from './current-input.ts';
import type { Job, WorkerMessage } from './messages.ts';
import { runSession } from './session.ts';
import type { Target } from './target.ts';

const [, , moduleUrl, currentPath] = process.argv;
if (moduleUrl === undefined || currentPath === undefined)
  throw new Error('usage: worker.ts MODULE FILE, with a channel to its parent');
const { TARGETS }: { readonly TARGETS: readonly Target[] } = await import(moduleUrl);
const current = new CurrentInput(currentPath);

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

process.on('message', (job: Job) => {
  const target = TARGETS.find(({ name }) => name === job.target);
  if (target === undefined) throw new Error(`no target ${job.target}`);
  runSession({
    ...job,
    target,
    corpus: readCorpus(target.corpus),
    onMaking: (place) => current.making(place),
    onInput: (place, input) => current.set(place, input),
    onFound: (place, failure, input) => tell({ type: 'found', place, ...failure, input }),
    onProgress: (done) => tell({ type: 'progress', done }),
  }).then(
    (done) => tell({ type: 'done', done }),
    (error: unknown) => tell({ type: 'fault', message: `${job.target}: ${error instanceof Error ? error.stack : error}` }),
  );
});
// Ctrl-C reaches the whole group of processes: the parent ends this one.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });

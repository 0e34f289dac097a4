import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../model/random.ts';
import { listOf } from '../expect.ts';
import { Crowd, figuresText } from '../informer/crowd.ts';
import type { Check, Kit } from '../kit.ts';
import type { Subject } from '../subjects/subject.ts';
import { Workload } from '../workload.ts';
import { readableOf } from './watches.ts';

/** Writes between two lines of progress. */
const TELL_EVERY = 100;

export const INFORMER_CHECKS: readonly Check[] = [
  {
    name: 'informers.random',
    what: 'under random writes informers of every sort, cut and timed out, hold in the end what the server lists',
    async run(kit) {
      const subjects = kit.options.subjects.length === 0 ? [kit.subject] : kit.options.subjects;
      const told: string[] = [];
      for (const subject of subjects) told.push(await underWrites(kit, subject, kit.options.seconds / subjects.length));
      return told.join('; ');
    },
  },
  {
    name: 'informers.followed',
    what: 'informers of a kind that others write hold what the server lists; where nothing is written here, after a while of following',
    async run(kit) {
      const { random, seconds, subjects, catchUpMs } = kit.options;
      const seed = random.integer(0x1_0000_0000);
      const crowd = new Crowd({ client: kit.client, path: readableOf(kit), labelSelector: '', seed });
      try {
        if (subjects.length === 0) await sleep(seconds * 1000);
        await crowd.converge(catchUpMs);
        return figuresText(crowd.figures());
      } finally {
        await crowd.stop();
      }
    },
  },
];

async function underWrites(kit: Kit, subject: Subject, seconds: number): Promise<string> {
  const { labels, selector } = kit.group('informers');
  const { catchUpMs, random } = kit.options;
  const seed = random.integer(0x1_0000_0000);
  const workload = new Workload(kit, subject, new Random(seed), labels);
  const path = kit.collection(subject);
  const crowd = new Crowd({ client: kit.client, path, labelSelector: selector, seed });
  try {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await workload.move();
      if (workload.writes % TELL_EVERY === 0) {
        kit.options.progress(`informers.random: ${workload.writes} writes of ${subject.title}`);
      }
    }
    await crowd.converge(catchUpMs);
    workload.compare(listOf('list', await kit.client.call('GET', path, { query: { labelSelector: selector } })).items);
    const { writes } = workload;
    await workload.end();
    await crowd.emptied(catchUpMs);
    return `${writes} writes of ${subject.title}; ${figuresText(crowd.figures())}`;
  } finally {
    await crowd.stop();
  }
}

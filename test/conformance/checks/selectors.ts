import { expectEqual, expectRefused, expectStatus } from '../expect.ts';
import type { Check } from '../kit.ts';
import { collected } from './lists.ts';
import { readableOf } from './watches.ts';

/** Labels of five objects, and which of them each selector chooses (labels/selectors, Kubernetes "Labels and Selectors"). */
const LABELLED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  a: { colour: 'red', size: 'big' },
  b: { colour: 'red' },
  c: { colour: 'blue', size: '' },
  d: { size: 'small' },
  e: {},
};

const CHOSEN: readonly (readonly [selector: string, chosen: string])[] = [
  ['colour=red', 'ab'],
  ['colour==red', 'ab'],
  ['colour!=red', 'cde'],
  ['colour in (red, blue)', 'abc'],
  ['colour notin (red)', 'cde'],
  ['colour', 'abc'],
  ['!colour', 'de'],
  ['colour,!size', 'b'],
  ['colour=red,size in (big,small)', 'a'],
  ['size=', 'c'],
  ['size in (,small)', 'cd'],
  ['size notin (,small)', 'abe'],
  [' colour = red , size ', 'a'],
];

const NO_SELECTORS: readonly string[] = [
  'colour in',
  'colour in (',
  'colour=red=blue',
  '!colour=red',
  '=red',
  'a b',
  'colour in red',
];

export const SELECTOR_CHECKS: readonly Check[] = [
  {
    name: 'selectors.labels',
    what: 'each operator of label selectors chooses what it should; != and notin choose what lacks the label too',
    async run(kit) {
      const { labels, selector } = kit.group('labels');
      const letters = new Map<string | undefined, string>();
      for (const [letter, own] of Object.entries(LABELLED)) {
        const name = kit.name(`label-${letter}`);
        letters.set(name, letter);
        await kit.create(name, { labels: { ...labels, ...own } });
      }
      for (const [text, wanted] of CHOSEN) {
        const { items } = await collected(kit, { labelSelector: `${selector},${text}` });
        const chosen = items.map(({ metadata }) => letters.get(metadata.name)).toSorted();
        expectEqual(`what ${JSON.stringify(text)} chooses`, chosen.join(''), wanted);
      }
      for (const name of letters.keys()) if (name !== undefined) await kit.remove(name);
    },
  },
  {
    name: 'selectors.badLabels',
    what: 'a label selector that is none is refused with 400',
    async run(kit) {
      for (const labelSelector of NO_SELECTORS) {
        const answer = await kit.client.call('GET', readableOf(kit), { query: { labelSelector, limit: 1 } });
        expectRefused(`label selector ${JSON.stringify(labelSelector)}`, answer, 400, 'BadRequest');
      }
    },
  },
  {
    name: 'selectors.names',
    what: 'metadata.name and metadata.namespace are field selectors of every kind, with =, ==, != and together',
    async run(kit) {
      const { labels, selector } = kit.group('fields');
      const names = [kit.name('field'), kit.name('field')];
      for (const name of names) await kit.create(name, { labels });
      const { namespace } = kit.subject;
      const [first = '', second = ''] = names;
      const cases: readonly (readonly [string, readonly string[]])[] = [
        [`metadata.name=${first}`, [first]],
        [`metadata.name==${first}`, [first]],
        [`metadata.name!=${first}`, [second]],
        [`metadata.namespace=${namespace}`, [first, second]],
        [`metadata.namespace!=${namespace}`, []],
        [`metadata.namespace=${namespace},metadata.name=${second}`, [second]],
        [`metadata.name=${first},metadata.name=${second}`, []],
      ];
      for (const [fieldSelector, wanted] of cases) {
        const { items } = await collected(kit, { labelSelector: selector, fieldSelector });
        const chosen = items.map(({ metadata }) => metadata.name ?? '');
        expectEqual(`what ${fieldSelector} chooses`, chosen.toSorted(), wanted.toSorted());
      }
      for (const name of names) await kit.remove(name);
    },
  },
  {
    name: 'selectors.badFields',
    what: 'a field that cannot be selected by, and a field selector that is none, are refused with 400',
    async run(kit) {
      for (const fieldSelector of ['spec.noSuchField=1', 'metadata.uid=1', 'metadata.name']) {
        const answer = await kit.client.call('GET', readableOf(kit), { query: { fieldSelector, limit: 1 } });
        expectRefused(`field selector ${JSON.stringify(fieldSelector)}`, answer, 400, 'BadRequest');
      }
    },
  },
  {
    name: 'selectors.emptyTerm',
    what: 'empty selectors choose everything',
    async run(kit) {
      const path = readableOf(kit);
      for (const query of ['labelSelector=', 'fieldSelector=', 'labelSelector=&fieldSelector=']) {
        const answer = await kit.client.call('GET', `${path}?limit=1&${query}`);
        expectStatus(`list with ${query}`, answer, 200);
      }
    },
  },
];

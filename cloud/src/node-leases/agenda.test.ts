import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Agenda } from './agenda.ts';

it('gives names in the order of their numbers, whatever is put, moved and taken out', () => {
  const step = fc.record({
    what: fc.constantFrom('put', 'put', 'drop', 'first'),
    name: fc.integer({ min: 0, max: 20 }).map(String),
    at: fc.integer({ min: 0, max: 1_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const agenda = new Agenda();
      const model = new Map<string, number>();
      for (const { what, name, at } of steps) {
        if (what === 'put') {
          agenda.put(name, at);
          model.set(name, at);
        } else if (what === 'drop') {
          agenda.drop(name);
          model.delete(name);
        }
        const first = agenda.first();
        assert.equal(agenda.size, model.size);
        assert.equal(agenda.has(name), model.has(name));
        assert.equal(first?.at, model.size === 0 ? undefined : Math.min(...model.values()));
        if (first !== undefined) assert.equal(model.get(first.name), first.at);
        if (what === 'first' && first !== undefined) {
          agenda.drop(first.name);
          model.delete(first.name);
        }
      }
    }),
  );
});

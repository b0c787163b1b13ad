// node --test: runbooks as blocks, every one of them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { blocks } from '../../../../src/keter/dashboard/web/runbooktext.js';

const FOLDER = new URL('../../../../docs/runbooks/', import.meta.url);

test('headings, text, commands and lists are told apart', () => {
  const found = blocks('# Prices are old\n\nAlert `feed-stale`,\nsee [Health](x.md).\n\n```\nketer logs\n\n# no heading\n```\n\n- one\n- **two**\n  goes on\n');
  assert.deepEqual(found, [
    { kind: 'heading', text: 'Prices are old' },
    { kind: 'text', text: 'Alert `feed-stale`, see Health.' },
    { kind: 'code', text: 'keter logs\n\n# no heading' },
    { kind: 'list', items: ['one', 'two goes on'] },
  ]);
});
test('every runbook begins with its title and leaves no Markdown behind', () => {
  for (const name of readdirSync(FOLDER)) {
    const [title, ...rest] = blocks(readFileSync(new URL(name, FOLDER), 'utf-8'));
    assert.equal(title.kind, 'heading', name);
    for (const block of rest.filter((one) => one.kind !== 'code')) {
      for (const text of block.items ?? [block.text]) assert.doesNotMatch(text, /^#|\*\*|\]\(|^\||\n/, `${name}: ${text}`);
    }
  }
});

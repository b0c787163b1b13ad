// The little Markdown that runbooks are written in, as blocks. Pure.

const LINK = /\[([^\]]+)\]\([^)]*\)/g;
const ITEM = /^(?:[-*]|\d+\.) +/;

/** [{kind: heading | code | list | text, text or items}]; links keep their words, marks of emphasis go. */
export function blocks(markdown) {
  const found = [];
  markdown.split(/^```\w*$/m).forEach((part, i) => {
    if (i % 2) found.push({ kind: 'code', text: part.trim() });
    else part.split(/\n\s*\n/).map((text) => text.trim()).filter(Boolean).forEach((text) => found.push(block(text)));
  });
  return found;
}

function block(text) {
  if (text.startsWith('#')) return { kind: 'heading', text: said(text.replace(/^#+ */, '')) };
  if (!ITEM.test(text)) return { kind: 'text', text: said(text) };
  const items = text.split(/\n(?=(?:[-*]|\d+\.) )/).map((item) => said(item.replace(ITEM, '')));
  return { kind: 'list', items };
}

function said(text) {
  return text.replace(LINK, '$1').replaceAll('**', '').replace(/\s*\n\s*/g, ' ');
}

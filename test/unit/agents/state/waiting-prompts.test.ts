import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../../../src/agents/disk/inbox.ts'
import { claude } from '../../../../src/agents/runtimes/claude/index.ts'
import { waitingPrompts } from '../../../../src/agents/state/waiting-prompts.ts'
import type { Content } from '../../../../src/protocol/index.ts'

const since = '2026-01-01T00:00:00.000Z'

/** Returns what a status shows of prompts with these contents. */
function shown(...contents: Content[]) {
  const unsettled = contents.map((_, n): Entry => ({ name: `${n}`, seq: n, kind: 'prompt', id: `p${n}` }))
  const read = ({ id, seq }: Entry) => ({ line: claude.prompt(id, contents[seq]!).line, since })
  return waitingPrompts({ unsettled, read }, claude)
}

test('a status shows the texts of waiting prompts in order, and counts their images', () => {
  const image = { type: 'image', media_type: 'image/png', data: 'aGk=' } as const
  assert.deepEqual(
    shown('first', [{ type: 'text', text: 'a' }, image, { type: 'text', text: 'b' }], [image, image]),
    [
      { prompt_id: 'p0', since, text: 'first' },
      { prompt_id: 'p1', since, text: 'a\nb', images: 1 },
      { prompt_id: 'p2', since, images: 2 },
    ],
  )
})

test('a status shows only the first prompts, and only the beginnings of long texts', () => {
  const all = shown('x'.repeat(5000), ...Array.from({ length: 30 }, (_, n) => `prompt ${n}`))
  assert.equal(all.length, 20)
  assert.deepEqual(all[0], { prompt_id: 'p0', since, text: 'x'.repeat(4096), cut: true })
})

test('a status names a prompt even if its content cannot be read', () => {
  const unsettled: Entry[] = [{ name: '1', seq: 1, kind: 'prompt', id: 'p1' }]
  assert.deepEqual(waitingPrompts({ unsettled, read: () => undefined }, claude), [{ prompt_id: 'p1' }])
  const damaged = { unsettled: [...unsettled], read: () => ({ line: '{"half', since }) }
  assert.deepEqual(waitingPrompts(damaged, claude), [{ prompt_id: 'p1', since }])
  const other = { unsettled: [{ ...unsettled[0]! }], read: () => ({ line: '{}', since }) }
  assert.deepEqual(waitingPrompts(other, {}), [{ prompt_id: 'p1', since }])
})

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import { agentFolder } from '../../../../src/agents/disk/folder.ts'
import { Journal } from '../../../../src/agents/disk/journal.ts'
import { boundStderr, returnBytes } from '../../../../src/agents/disk/journal-space.ts'
import { tempDir } from '../../../support/temp.ts'

const MIB = 1024 * 1024
const LINE = `${'x'.repeat(999)}\n`

/** A simulated agent with a journal of `lines` acknowledged lines of 1000 bytes each. */
function agent(t: TestContext, { lines, ended = false }: { lines: number; ended?: boolean }) {
  const folder = agentFolder(join(tempDir(t), 'agent'))
  mkdirSync(folder.dir)
  writeFileSync(folder.journal, LINE.repeat(lines))
  const journal = new Journal(folder.journal)
  t.after(() => journal.close())
  const saved: { begin: number; onDisk: number }[] = []
  const it = {
    folder,
    journal,
    hasEnded: ended,
    acked: lines * 1000,
    begin: 0,
    backlog: 0,
    forget(offset: number) {
      it.begin = offset
    },
    save: () => void saved.push({ begin: it.begin, onDisk: onDisk(folder.journal) }),
  }
  return { it, saved, agent: it as unknown as Agent, path: folder.journal }
}

const onDisk = (path: string) => statSync(path).blocks * 512

function withoutFallocate(t: TestContext) {
  const { env, geteuid } = process
  const { PATH } = env
  env.PATH = '/nonexistent'
  // For root, the daemon does not search PATH for the program.
  process.geteuid = () => 1000
  t.after(() => {
    env.PATH = PATH
    if (geteuid) process.geteuid = geteuid
  })
}

test('acknowledged journal bytes are freed up to a line boundary, which is saved first', async (t) => {
  const { it, saved, agent: one, path } = agent(t, { lines: 5000 })
  await returnBytes(one, MIB)
  assert.equal(it.begin, Math.ceil((5_000_000 - MIB) / 1000) * 1000)
  // The boundary is saved first, so that the next daemon does not read the freed bytes as activity.
  assert.deepEqual(
    saved.map(({ begin }) => begin),
    [it.begin],
  )
  assert.ok(saved[0]!.onDisk >= 5_000_000)
  assert.ok(onDisk(path) < MIB + 128 * 1024, `${onDisk(path)} bytes on the disk`)
  assert.equal(statSync(path).size, 5_000_000)
  const first: string[] = []
  it.journal.lines(it.begin, 1, ({ bytes }) => void first.push(bytes.toString()))
  assert.equal(first[0], LINE.trimEnd())
})

test('journal bytes are not freed for a small gain', async (t) => {
  const { it, agent: one } = agent(t, { lines: 1500 })
  await returnBytes(one, MIB)
  assert.equal(it.begin, 0)
})

test('if the file system does not support holes, a journal is freed only after its agent has ended', async (t) => {
  withoutFallocate(t)
  const running = agent(t, { lines: 5000 })
  await returnBytes(running.agent, MIB)
  assert.equal(running.it.begin, 0)
  assert.equal(readFileSync(running.path, 'utf8'), LINE.repeat(5000))

  const ended = agent(t, { lines: 5000, ended: true })
  await returnBytes(ended.agent, MIB)
  assert.equal(ended.it.begin, 5_000_000)
  assert.equal(statSync(ended.path).size, 5_000_000)
  assert.ok(onDisk(ended.path) < 64 * 1024)

  const behind = agent(t, { lines: 5000, ended: true })
  behind.it.backlog = 1000
  await returnBytes(behind.agent, MIB)
  assert.equal(readFileSync(behind.path, 'utf8'), LINE.repeat(5000))
})

test('only the end of a long stderr is kept', (t) => {
  const { agent: one, it } = agent(t, { lines: 1 })
  boundStderr(one)
  writeFileSync(it.folder.stderr, 'short')
  boundStderr(one)
  assert.equal(readFileSync(it.folder.stderr, 'utf8'), 'short')
  writeFileSync(it.folder.stderr, `${'x'.repeat(2 * MIB)}the last words`)
  boundStderr(one)
  const kept = readFileSync(it.folder.stderr, 'utf8')
  assert.ok(kept.endsWith('the last words'))
  assert.equal(kept.length, 64 * 1024)
})

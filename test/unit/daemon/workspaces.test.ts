import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Agent } from '../../../src/agents/agent.ts'
import { Workspaces } from '../../../src/daemon/workspaces.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { CommandOf } from '../../../src/protocol/index.ts'
import { gitRepository } from '../../support/git-repository.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp.ts'

/** Creates a repository in which git waits until `goOn` is called. */
function stuckRepository(t: TestContext) {
  const { dir } = gitRepository(tempDir(t), { 'a.txt': '1\n' })
  const pipe = join(dir, '.gitignore')
  execFileSync('mkfifo', [pipe])
  return {
    dir,
    goOn() {
      const fd = openSync(pipe, constants.O_RDWR)
      t.after(() => closeSync(fd))
    },
  }
}

test('agents in whose folders git waits do not hold up the readings of other agents', async (t) => {
  const clock = new ManualClock()
  const workspaces = new Workspaces({
    rulesFor: () => ({ user: undefined, sandbox: undefined, hidden: [] }),
    redacted: (part) => part,
    clock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
  })
  const done: string[] = []
  const changes = async (id: string, cwd: string) => {
    const agent = { id, record: { spec: { cwd } } } as Agent
    const command = { since: 'head', stat: true } as CommandOf<'workspace:diff'>
    const { files } = await workspaces.diff(agent, command)
    done.push(id)
    return files.map(({ path }) => path)
  }
  const stuck = [stuckRepository(t), stuckRepository(t)] as const
  // Further readings of these agents wait for the first.
  const held = stuck.flatMap(({ dir }, n) => [1, 2, 3].map(() => changes(`stuck-${n}`, dir)))
  const { dir, write } = gitRepository(tempDir(t), { 'a.txt': '1\n' })
  write('a.txt', '2\n')
  const read = changes('other', dir)
  await setImmediate()
  clock.pass(2000)
  assert.deepEqual(await read, ['a.txt'])
  assert.deepEqual(done, ['other'])
  for (const { goOn } of stuck) goOn()
  await Promise.all(held)
})

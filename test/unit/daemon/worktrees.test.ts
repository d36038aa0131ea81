import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { Worktrees } from '../../../src/daemon/worktrees.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { CommandOf } from '../../../src/protocol/index.ts'
import { gitRepository } from '../../support/git-repository.ts'
import { tempDir } from '../../support/temp.ts'

test('an agent gets no working tree of a repository that the policy permits only in part', async (t) => {
  const dir = tempDir(t)
  const main = gitRepository(join(dir, 'app'), { 'secret.txt': '1\n', 'sub/b.txt': '1\n' })
  const rulesFor = (folders: string[]) => {
    if (folders.includes(main.dir)) throw new CommandFailure('policy', 'not this folder')
    return { user: undefined, sandbox: undefined, hidden: [] }
  }
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  const worktrees = new Worktrees({ dir: join(dir, 'worktrees'), rulesFor, logger })
  const spec = { cwd: join(main.dir, 'sub'), worktree: {} }
  const command = { type: 'agent:start', command_id: 'c', agent_id: 'one', spec } as CommandOf<'agent:start'>
  const start = () => Promise.reject(new Error('started'))
  await assert.rejects(worktrees.start(command, start), { code: 'policy' })
  assert.equal(existsSync(join(dir, 'app-worktrees')), false)
})
